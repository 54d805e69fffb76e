//! Modules don't use each other in circles, unless one of them states why that is the honest shape.

use std::collections::{BTreeMap, BTreeSet};

use super::complaint::Complaint;
use super::modules::{Uses, uses};
use super::source::Source;

/// What the head of a file in a circle states the reason with.
const REASON: &str = "//! Circle: ";

/// Complains about each circle of files without a reason, and each reason without a circle.
pub fn check(sources: &[Source]) -> Vec<Complaint> {
    let folders: BTreeSet<String> = sources
        .iter()
        .filter_map(|s| s.path.split_once("/src/"))
        .map(|(krate, _)| format!("{krate}/src/"))
        .collect();
    let excused: BTreeSet<&str> = sources
        .iter()
        .filter(|s| s.text.lines().take_while(|line| line.starts_with("//!")).any(|l| l.starts_with(REASON)))
        .map(|s| s.path.as_str())
        .collect();
    let mut complaints = Vec::new();
    for folder in &folders {
        let mut graph = uses(sources, folder);
        for path in excused.iter().filter(|path| path.starts_with(folder)) {
            if shortest(&graph, path).is_none() {
                complaints.push(Complaint::new(
                    path,
                    0,
                    "no circle goes through this file: remove the reason for one",
                ));
            }
        }
        graph.retain(|path, _| !excused.contains(path));
        complaints.extend(circles(graph).iter().map(|circle| complaint(circle, folder)));
    }
    complaints
}

fn complaint(circle: &[&str], folder: &str) -> Complaint {
    let names: Vec<&str> = circle.iter().chain(circle.first()).map(|path| &path[folder.len()..]).collect();
    let what = format!(
        "modules in a circle: {}: take it apart, or state the reason at a head, `{REASON}…`",
        names.join(" → ")
    );
    Complaint::new(circle[0], 0, what)
}

/// A circle at a time, the shortest through its first file; what uses that file is then left alone.
fn circles(mut graph: Uses<'_>) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    while let Some(circle) =
        graph.keys().filter_map(|path| shortest(&graph, path)).min_by_key(|circle| circle.len())
    {
        graph.remove(circle[0]);
        found.push(circle);
    }
    found
}

/// The shortest way from a file back to itself.
fn shortest<'a>(graph: &Uses<'a>, start: &str) -> Option<Vec<&'a str>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let (start, first) = graph.get_key_value(start)?;
    let mut ring: Vec<&str> = vec![start];
    let mut next = first.clone();
    while !ring.is_empty() {
        let mut reached = Vec::new();
        for path in ring {
            next.clone_from(graph.get(path)?);
            for used in next.iter().filter(|used| graph.contains_key(*used)) {
                if used == start {
                    let mut way = vec![path];
                    while let Some(before) = from.get(way[way.len() - 1]) {
                        way.push(before);
                    }
                    way.reverse();
                    return Some(way);
                }
                if !from.contains_key(used) {
                    from.insert(used, path);
                    reached.push(*used);
                }
            }
        }
        ring = reached;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let source = |(name, text): &(&str, &str)| Source {
            path: format!("crates/x/src/{name}.rs"),
            text: (*text).into(),
        };
        let sources: Vec<Source> = files.iter().map(source).collect();
        check(&sources).into_iter().map(|c| format!("{}: {}", c.path, c.what)).collect()
    }

    #[test]
    fn circles_are_found() {
        let none: [&str; 0] = [];
        assert_eq!(complaints(&[("a", "use crate::b::B;\n"), ("b", "use crate::c::C;\n"), ("c", "")]), none);
        let found = complaints(&[
            ("a", "use crate::b::B;\nfn f(_: B) {}\n"),
            ("b", "use crate::c::C;\nfn f(_: C) {}\n"),
            ("c", "fn f() { super::a::f() }\n"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("crates/x/src/a.rs: modules in a circle: a.rs → b.rs → c.rs → a.rs: "),
            "{found:?}"
        );
    }

    #[test]
    fn parents_and_children_are_modules_too() {
        let found =
            complaints(&[("a", "mod b;\nfn f() { b::f() }\n"), ("a/b", "use super::T;\nfn f(_: T) {}\n")]);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_reason_needs_a_circle() {
        let b = ("b", "fn f() { crate::a::f() }\n");
        let none: [&str; 0] = [];
        assert_eq!(
            complaints(&[("a", "//! A.\n//!\n//! Circle: a trait.\nfn f() { crate::b::f() }\n"), b]),
            none
        );
        assert_eq!(
            complaints(&[("a", "//! Circle: a trait.\n"), b]),
            ["crates/x/src/a.rs: no circle goes through this file: remove the reason for one"]
        );
    }
}
