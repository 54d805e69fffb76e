//! The tool tables: each tool has its file, its place in its crate's table, a known name, and a test.

use std::collections::BTreeSet;

use installation::{FILE, Names, OVERLAY};

use super::complaint::Complaint;
use super::lexer::{code_only, has_word};
use super::source::Source;

/// Suites of the reference that are parts of one crate of ours.
const IN_OVERLAY: &[&str] = &[OVERLAY, "s6-overlay-helpers"];

/// How many of the reference's commands are there, and the complaints.
pub fn check(sources: &[Source], names: &Names<'_>) -> (usize, Vec<Complaint>) {
    let mut there = BTreeSet::new();
    let mut complaints = Vec::new();
    for table in sources.iter().filter(|s| s.path.ends_with("/src/tools.rs")) {
        let folder = format!("{}/", table.path.trim_end_matches(".rs"));
        let suite = table.path.split('/').nth(1).unwrap_or_default();
        let entries = entries(&table.text);
        let mut tools = Vec::new();
        for entry in &entries {
            let path = format!("{folder}{entry}.rs");
            let Some(file) = sources.iter().find(|s| s.path == path) else {
                complaints.push(Complaint::new(&table.path, 0, format!("{entry}: no file {path}")));
                continue;
            };
            let name = entry.replace('_', "-");
            if declared(&file.text) != Some(&name) {
                complaints.push(Complaint::new(&path, 0, format!("its TOOL is not named {name}")));
            }
            if !is_known(names, suite, &name) {
                complaints.push(Complaint::new(
                    &path,
                    0,
                    format!("{FILE} has no {name} in {suite}, added or internal"),
                ));
            }
            // What the program calls by an internal name is tested by what calls it.
            let internal = names.internal.contains(&name.as_str());
            if !internal && !is_tested(file, &name, sources) {
                complaints.push(Complaint::new(
                    &path,
                    0,
                    format!("no test here, and none in tests/ names {name}"),
                ));
            }
            tools.push(name);
        }
        if let Some(pair) = tools.windows(2).find(|pair| pair[0] >= pair[1]) {
            let what = format!("the table is not sorted by name at {}", pair[1]);
            complaints.push(Complaint::new(&table.path, 0, what));
        }
        complaints.extend(unregistered(sources, &folder, &entries));
        there.extend(tools);
        there.extend(second_names(&table.text));
    }
    (names.commands().filter(|name| there.contains(*name)).count(), complaints)
}

/// The modules whose `TOOL` the table lists, in its order.
fn entries(table: &str) -> Vec<String> {
    let code = code_only(table);
    let list = code.split_once("TOOLS").map_or("", |(_, list)| list);
    let paths = list
        .split([',', '[', ']'])
        .filter_map(|entry| entry.trim().strip_prefix('&')?.strip_suffix("::TOOL"));
    paths.map(|module| module.trim_start_matches("r#").to_owned()).collect()
}

/// The names that a tool goes by besides: the table lists them as `cd::EXECLINE_CD`.
fn second_names(table: &str) -> impl Iterator<Item = String> {
    let paths =
        table.split([',', '[', ']']).filter_map(|entry| entry.trim().strip_prefix('&')?.split_once("::"));
    paths.filter(|(_, item)| *item != "TOOL").map(|(_, item)| item.to_lowercase().replace('_', "-"))
}

/// The name that the file's `TOOL` declares.
fn declared(file: &str) -> Option<&str> {
    let (_, tool) = file.split_once("static TOOL: Tool")?;
    let (_, name) = tool.split_once("name: \"")?;
    Some(name.split_once('"')?.0)
}

fn is_known(names: &Names<'_>, suite: &str, name: &str) -> bool {
    let is_here = |theirs: &str| theirs == suite || (suite == "overlay" && IN_OVERLAY.contains(&theirs));
    let mut suites = names.suites.iter().filter(|theirs| is_here(theirs.name));
    suites.any(|suite| suite.commands.contains(&name))
        || names.added.iter().chain(&names.tls).chain(&names.internal).any(|ours| *ours == name)
}

/// Whether the file has unit tests, or something in a folder `tests` names the tool.
fn is_tested(file: &Source, name: &str, sources: &[Source]) -> bool {
    file.text.contains("#[cfg(test)]")
        || sources.iter().any(|s| is_test(&s.path) && names_command(&s.text, name))
}

/// Whether this is a test of programs: in `tests/` at the top, or in a crate's.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.split('/').nth(2) == Some("tests")
}

/// Whether `name` stands in `text` as a command's name: not as a part of a longer one.
fn names_command(text: &str, name: &str) -> bool {
    let is_part = |c: char| c == '-' || c == '_' || c.is_alphanumeric();
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part))
}

/// Tools in the folder that the table doesn't list.
fn unregistered(sources: &[Source], folder: &str, entries: &[String]) -> Vec<Complaint> {
    let files = sources.iter().filter_map(|s| Some((s, s.path.strip_prefix(folder)?.strip_suffix(".rs")?)));
    files
        .filter(|(s, module)| {
            has_word(&code_only(&s.text), "TOOL") && *module != "mod" && !module.contains('/')
        })
        .filter(|(_, module)| !entries.iter().any(|entry| entry == module))
        .map(|(s, _)| Complaint::new(&s.path, 0, "this tool is not in its crate's table"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use installation::Suite;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    fn tool(name: &str) -> Source {
        let text = format!(
            "pub static TOOL: Tool = Tool {{\n    name: \"{name}\",\n}};\n#[cfg(test)]\nmod tests {{}}\n"
        );
        source(&format!("crates/s6/src/tools/{}.rs", name.replace('-', "_")), &text)
    }

    fn table(entries: &str) -> Source {
        source("crates/s6/src/tools.rs", &format!("//! T.\npub const TOOLS: &[&Tool] = &[{entries}];\n"))
    }

    fn names() -> Names<'static> {
        let commands = vec!["if", "s6-a", "s6-b", "s6-c"];
        let suite = Suite { name: "s6", category: "admin", version: "1", commands };
        Names { suites: vec![suite], ..Names::default() }
    }

    fn complaints(sources: &[Source]) -> Vec<String> {
        check(sources, &names()).1.into_iter().map(|c| format!("{}: {}", c.path, c.what)).collect()
    }

    #[test]
    fn a_table_in_order() {
        let sources =
            [table("&r#if::TOOL, &s6_a::TOOL,\n&s6_b::TOOL"), tool("if"), tool("s6-a"), tool("s6-b")];
        assert_eq!(check(&sources, &names()), (3, Vec::new()));
    }

    #[test]
    fn disorder_is_found() {
        let sources = [table("&s6_b::TOOL, &s6_a::TOOL"), tool("s6-a"), tool("s6-b")];
        assert_eq!(complaints(&sources), ["crates/s6/src/tools.rs: the table is not sorted by name at s6-a"]);
    }

    #[test]
    fn missing_files_and_missing_entries_are_found() {
        let found = complaints(&[table("&s6_a::TOOL"), tool("s6-b")]);
        assert_eq!(found[0], "crates/s6/src/tools.rs: s6_a: no file crates/s6/src/tools/s6_a.rs");
        assert_eq!(found[1], "crates/s6/src/tools/s6_b.rs: this tool is not in its crate's table");
    }

    #[test]
    fn names_are_the_file_s_and_known() {
        let mut wrong = tool("s6-a");
        wrong.path = "crates/s6/src/tools/s6_b.rs".into();
        assert_eq!(
            complaints(&[table("&s6_b::TOOL"), wrong]),
            ["crates/s6/src/tools/s6_b.rs: its TOOL is not named s6-b"]
        );
        assert_eq!(
            complaints(&[table("&s6_z::TOOL"), tool("s6-z")]),
            ["crates/s6/src/tools/s6_z.rs: docs/tools.txt has no s6-z in s6, added or internal"]
        );
    }

    #[test]
    fn a_tool_has_a_test_somewhere() {
        let mut bare = tool("s6-a");
        bare.text.truncate(bare.text.find("#[cfg").unwrap());
        let table = || table("&s6_a::TOOL");
        let longer = source("tests/conformance/x.cases", "s6-a-b xs6-a");
        let found = complaints(&[table(), Source { ..source(&bare.path, &bare.text) }, longer]);
        assert_eq!(found.len(), 1);
        let named = source("tests/conformance/x.cases", "run: s6-a x");
        assert_eq!(complaints(&[table(), bare, named]).len(), 0);
    }
}
