//! Every code's page has an example that fails and one that works: both are checked.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use dev::config::Config;
use dev::example;
use dev::finding::Edit;
use dev::format::{Format, print};
use dev::image::{Extra, Image, Target, complete};
use dev::registry::{LINTS, Lint, find};
use dev::report::Report;
use dev::settings::Settings;
use dev::tree::{DOCKERFILE, Tree};
use dev::{fix, lints, silence};
use s6_rc::diagnostic::{Code, Severity};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// An example that was written: its directory, and what it is checked with.
struct Example {
    top: TempDir,
    /// Has the Dockerfile.
    beside: TempDir,
    target: Target,
    extra: Extra,
    stop_timeout: Option<u64>,
}

impl Example {
    fn write(text: &str) -> Self {
        let (top, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        if let Some(text) = example::write(text, top.path()).unwrap() {
            fs::write(beside.path().join("Dockerfile"), text).unwrap();
        }
        let mut example =
            Self { top, beside, target: Target::Rs, extra: Extra::default(), stop_timeout: None };
        let options = example.top.path().join("options");
        for option in fs::read_to_string(&options).unwrap_or_default().lines() {
            match option.split_once('=').unwrap_or((option, "")) {
                ("strict", "") => example.extra.strict = true,
                ("security", "") => example.extra.security = true,
                ("target", "s6-overlay") => example.target = Target::S6Overlay,
                ("stop-timeout", seconds) => example.stop_timeout = Some(seconds.parse().unwrap()),
                other => panic!("{other:?}"),
            }
        }
        let _ = fs::remove_file(options);
        example
    }

    /// Checks it, and gives what was found to `look`.
    fn check<T>(&self, look: impl FnOnce(&Report<'_>) -> T) -> T {
        let mut tree = Tree::default();
        tree.add_directory(self.top.path()).unwrap();
        let mut config = Config::default();
        let dockerfile = self.beside.path().join("Dockerfile");
        if let Ok(text) = fs::read_to_string(&dockerfile) {
            config = Config::read(&text).unwrap();
            tree.add_beside(DOCKERFILE, Some(dockerfile), text.into_bytes());
        }
        config.stop_timeout = self.stop_timeout;
        let is_whole = complete(&mut tree);
        let mut image = Image::read(&tree, config, self.target, is_whole);
        image.extra = self.extra;
        let mut findings = lints::findings(&image);
        silence::by_allowances(&image, &Settings::default(), &mut findings);
        look(&Report { tree: &tree, findings: &findings, target: self.target, color: false, maps: &[] })
    }
}

fn fails(lint: &Lint) -> Example {
    Example::write(example::of_page(lint.page, "Fails").unwrap())
}

#[test]
fn what_fails_has_the_finding_and_what_works_has_none_worse() {
    let mut wrong = Vec::new();
    for lint in LINTS {
        for (heading, fails) in [("Fails", true), ("Works", false)] {
            let example = Example::write(example::of_page(lint.page, heading).unwrap());
            example.check(|report| {
                let found = report.findings.iter().any(|finding| finding.code == lint.code);
                let errors = report.findings.iter().any(|finding| finding.severity == Severity::Error);
                if found != fails || (!fails && errors) {
                    wrong.push(format!("{} {heading}:\n{}", lint.code, print(report, Format::Concise)));
                }
            });
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Fixes the example that fails, and tells of what kinds the fixes were; what is left has none.
fn fixed(lint: &Lint, unsafe_ones: bool) -> Option<bool> {
    let example = fails(lint);
    let fix = example.check(|report| {
        let mut findings = report.findings.to_vec();
        findings.retain(|finding| finding.code == lint.code);
        let fix = findings.iter().find_map(|finding| finding.fix.clone());
        fix::apply(report.tree, &findings, unsafe_ones).unwrap();
        fix
    })?;
    if fix.safe || unsafe_ones {
        example.check(|report| {
            let left =
                report.findings.iter().any(|finding| finding.code == lint.code && finding.fix.is_some());
            assert!(!left, "{}:\n{}", lint.code, print(report, Format::Concise));
            let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
            assert_eq!(errors, 0, "{}:\n{}", lint.code, print(report, Format::Concise));
        });
    }
    Some(fix.safe)
}

#[test]
fn a_fix_leaves_nothing_of_its_finding() {
    let kinds = LINTS.iter().filter_map(|lint| Some((lint.code.0, fixed(lint, true)?)));
    let (safe, unsafe_ones): (Vec<_>, Vec<_>) = kinds.partition(|(_, safe)| *safe);
    let codes = |list: Vec<(u16, bool)>| list.into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!((codes(safe).as_slice(), codes(unsafe_ones).as_slice()), (SAFE, UNSAFE));
    for code in UNSAFE {
        let lint = find(Code(*code)).unwrap();
        assert_eq!(fixed(lint, false), Some(false));
    }
}

/// The codes whose examples have a fix that needs no second look.
const SAFE: &[u16] = &[
    103, 104, 105, 106, 108, 111, 112, 114, 204, 205, 209, 301, 303, 307, 310, 311, 312, 317, 401, 404, 406,
    601, 605, 701, 703, 704,
];
/// Those whose fix needs one.
const UNSAFE: &[u16] = &[101, 107, 113, 115, 201, 202, 208, 316, 323, 402, 403, 501, 606, 609, 702];

#[test]
fn every_code_appears_in_sarif_with_its_fingerprint_and_its_fix() {
    for lint in LINTS {
        fails(lint).check(|report| {
            let sarif: Value = serde_json::from_str(&print(report, Format::Sarif)).unwrap();
            let run = &sarif["runs"][0];
            let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
            let rule = rules.iter().find(|rule| rule["id"] == lint.code.to_string()).unwrap();
            assert!(rule["help"]["markdown"].as_str().unwrap().contains("## Works"), "{}", lint.code);
            let results = run["results"].as_array().unwrap();
            let result = results.iter().find(|result| result["ruleId"] == lint.code.to_string()).unwrap();
            assert!(result["partialFingerprints"]["s6OverlayDev/v1"].is_string(), "{}", lint.code);
            let finding = report.findings.iter().find(|finding| finding.code == lint.code).unwrap();
            let Some(fix) = &finding.fix else { return };
            assert_eq!(result["properties"]["fix"]["what"], fix.what, "{}", lint.code);
            let changes_text = |edit: &Edit| matches!(edit, Edit::Replace(..) | Edit::Create(..));
            if fix.edits.iter().any(changes_text) {
                assert!(result["fixes"][0]["artifactChanges"].is_array(), "{}", lint.code);
            }
        });
    }
}
