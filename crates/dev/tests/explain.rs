//! Every code's page has an example that fails and one that works: both are checked.
#![expect(clippy::unwrap_used, reason = "a test")]

use dev::config::Config;
use dev::example;
use dev::finding::Finding;
use dev::format::{Format, print};
use dev::image::{Image, Target, complete};
use dev::registry::LINTS;
use dev::report::Report;
use dev::tree::Tree;
use dev::{fix, lints, silence};
use s6_rc::diagnostic::Severity;
use std::fs;
use std::path::Path;

/// Writes an example, checks it, and gives what was found to `look`.
fn checked<T>(text: &str, top: &Path, look: impl FnOnce(&Tree, Target, Vec<Finding>) -> T) -> T {
    let dockerfile = example::write(text, top).unwrap();
    let config = dockerfile.map_or_else(Config::default, |text| Config::read(&text).unwrap());
    let target = if fs::remove_file(top.join("target")).is_ok() { Target::S6Overlay } else { Target::Rs };
    again(top, config, target, look)
}

fn again<T>(
    top: &Path,
    config: Config,
    target: Target,
    look: impl FnOnce(&Tree, Target, Vec<Finding>) -> T,
) -> T {
    let mut tree = Tree::default();
    tree.add_directory(top).unwrap();
    let is_whole = complete(&mut tree);
    let mut findings = lints::findings(&Image::read(&tree, config, target, is_whole));
    silence::by_comments(&tree, &mut findings);
    look(&tree, target, findings)
}

fn concise(tree: &Tree, target: Target, findings: &[Finding]) -> String {
    print(&Report { tree, findings, target, color: false }, Format::Concise)
}

#[test]
fn what_fails_has_the_finding_and_what_works_has_none_worse() {
    let mut wrong = Vec::new();
    for lint in LINTS {
        for (heading, fails) in [("Fails", true), ("Works", false)] {
            let dir = tempfile::tempdir().unwrap();
            let text = example::of_page(lint.page, heading).unwrap();
            checked(text, dir.path(), |tree, target, findings| {
                let found = findings.iter().any(|finding| finding.code == lint.code);
                let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
                if found != fails || (!fails && errors) {
                    wrong.push(format!("{} {heading}:\n{}", lint.code, concise(tree, target, &findings)));
                }
            });
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_safe_fix_leaves_nothing_of_its_finding() {
    let mut count = 0;
    for lint in LINTS {
        let dir = tempfile::tempdir().unwrap();
        let text = example::of_page(lint.page, "Fails").unwrap();
        let (is_fixed, target) = checked(text, dir.path(), |tree, target, mut findings| {
            findings.retain(|finding| {
                finding.code == lint.code && finding.fix.as_ref().is_some_and(|fix| fix.safe)
            });
            fix::apply(tree, &findings, false).unwrap();
            (!findings.is_empty(), target)
        });
        if is_fixed {
            count += 1;
            again(dir.path(), Config::default(), target, |tree, target, findings| {
                let left = findings.iter().any(|finding| finding.code == lint.code && finding.fix.is_some());
                assert!(!left, "{}:\n{}", lint.code, concise(tree, target, &findings));
            });
        }
    }
    assert!(count >= 11, "{count} lints have a safe fix");
}
