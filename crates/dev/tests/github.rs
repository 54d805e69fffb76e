//! Annotations are what GitHub reads: https://docs.github.com/actions, "Workflow commands".
#![expect(clippy::unwrap_used, reason = "a test")]

use dev::finding::{Finding, Span};
use dev::format::{Format, print};
use dev::image::Target;
use dev::report::{Map, Report};
use dev::tree::Tree;
use s6_rc::diagnostic::Severity;
use std::collections::BTreeMap;

/// A command of a workflow, or a line of the log.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Command { name: String, properties: BTreeMap<String, String>, data: String },
    Log(String),
}

/// Undoes the escapes, and fails at any other.
fn unescaped(text: &str, escapes: &[(&str, char)]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let (code, c) = escapes
            .iter()
            .find(|(code, _)| after.starts_with(code))
            .ok_or(format!("% stands for itself in {text:?}"))?;
        out.push(*c);
        rest = after.get(code.len()..).unwrap();
    }
    Ok(out + rest)
}

const DATA: [(&str, char); 3] = [("25", '%'), ("0D", '\r'), ("0A", '\n')];
const PROPERTY: [(&str, char); 5] = [("25", '%'), ("0D", '\r'), ("0A", '\n'), ("3A", ':'), ("2C", ',')];

/// Reads one line: `::NAME KEY=VALUE,KEY=VALUE::DATA`.
fn parse(line: &str) -> Result<Line, String> {
    let Some(rest) = line.strip_prefix("::") else { return Ok(Line::Log(line.to_owned())) };
    let (head, data) = rest.split_once("::").ok_or(format!("no end of the command in {line:?}"))?;
    let (name, list) = head.split_once(' ').unwrap_or((head, ""));
    if !["error", "warning", "notice"].contains(&name) {
        return Err(format!("{name} is no annotation"));
    }
    let mut properties = BTreeMap::new();
    for property in list.split(',').filter(|property| !property.is_empty()) {
        let (key, value) = property.split_once('=').ok_or(format!("no = in {property:?}"))?;
        let number = matches!(key, "line" | "endLine" | "col" | "endColumn");
        if !number && !matches!(key, "file" | "title") {
            return Err(format!("{key} is no property"));
        }
        if value.contains(':') || number && value.parse::<u32>().map_or(true, |number| number == 0) {
            return Err(format!("{key} is {value:?}"));
        }
        if properties.insert(key.to_owned(), unescaped(value, &PROPERTY)?).is_some() {
            return Err(format!("{key} is there twice"));
        }
    }
    let has = |key: &str| properties.contains_key(key);
    if has("line") && !has("file") || has("col") && !has("line") || has("endColumn") && !has("col") {
        return Err(format!("a place without what it is in: {line:?}"));
    }
    Ok(Line::Command { name: name.to_owned(), properties, data: unescaped(data, &DATA)? })
}

fn printed(findings: &[Finding], maps: &[Map]) -> Vec<Line> {
    let mut tree = Tree::default();
    tree.add_directory(std::path::Path::new("/")).unwrap();
    let report = Report { tree: &tree, findings, target: Target::Rs, color: false, maps };
    let out = print(&report, Format::Github);
    assert!(out.is_empty() || out.ends_with('\n'));
    out.lines().map(|line| parse(line).unwrap()).collect()
}

#[test]
fn what_stands_in_texts_and_names_stays_in_them() {
    let text = "100%, a:b, ::error::x, %0A\nnext\r";
    let finding = Finding::new(301, b"/etc/a,b:c%2C/run", text).at(Span { line: 3, column: 1, end: 4 });
    let mut note = Finding::new(606, b"", "whole").advice("two\nlines");
    note.severity = Severity::Note;
    let lines = printed(&[finding, note], &[Map::parse("etc=docker/rootfs:1/etc").unwrap()]);
    let command = |name: &str, list: &[(&str, &str)], data: &str| Line::Command {
        name: name.to_owned(),
        properties: list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        data: data.to_owned(),
    };
    let file = "docker/rootfs:1/etc/a,b:c%2C/run";
    let place = [("file", file), ("line", "3"), ("col", "1"), ("endColumn", "4"), ("title", "SO301")];
    assert_eq!(
        lines,
        [command("warning", &place, text), command("notice", &[("title", "SO606")], "whole (two\nlines)")]
    );
}

#[test]
fn no_more_than_github_shows() {
    let all: Vec<_> = (1..=13).map(|line| Finding::new(301, b"/run", "x").at(Span::line(line))).collect();
    let lines = printed(&all, &[]);
    assert_eq!(lines.len(), 11);
    assert_eq!(lines.last(), Some(&Line::Log("s6-overlay-dev: 3 more warnings".to_owned())));
    assert_eq!(printed(&all[..10], &[]).len(), 10);
}

#[test]
fn the_parser_is_strict() {
    for line in [
        "::error",
        "::debug::x",
        "::error file=a:b::x",
        "::error line=1::x",
        "::error x=1::x",
        "::error::50%",
        "::error file=a,line=0::x",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}
