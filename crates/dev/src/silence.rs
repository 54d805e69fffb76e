//! What is left out of a report: by comments, by options, and by a list of what was known before.

use crate::finding::{Finding, Span};
use crate::registry;
use crate::tree::Tree;
use s6_rc::diagnostic::{Code, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// In how many lines at the beginning of a file a comment counts for all of it.
const HEAD: u32 = 5;
/// As much of a file is looked through for comments.
const FILE_MAX: usize = 1 << 20;
/// The word before a code in a comment.
const WORD: &str = "s6-overlay: allow(";

/// What `--deny`, `--warn` and `--allow` name: a code, the beginning of codes, or all of a severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// `SO105`, or `SO3` for all that begin so: from a number up to one that isn't in it.
    Codes(u16, u16),
    /// `errors`, `warnings`, `notes`.
    Severity(Severity),
}

impl Selection {
    /// Reads it.
    ///
    /// # Errors
    /// It is neither of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "errors" => return Ok(Self::Severity(Severity::Error)),
            "warnings" => return Ok(Self::Severity(Severity::Warning)),
            "notes" => return Ok(Self::Severity(Severity::Note)),
            _ => {}
        }
        let digits = text.strip_prefix("SO").or_else(|| text.strip_prefix("so")).unwrap_or(text);
        let number: u16 = digits.parse().map_err(|_| {
            format!("{text} is neither a code, as SO105, nor the beginning of codes, as SO3, nor errors, warnings or notes")
        })?;
        match digits.len() {
            1 => Ok(Self::Codes(number * 100, number * 100 + 100)),
            2 => Ok(Self::Codes(number * 10, number * 10 + 10)),
            3 if registry::find(Code(number)).is_some() => Ok(Self::Codes(number, number + 1)),
            _ => Err(format!("there is no lint {text}")),
        }
    }

    fn has(&self, finding: &Finding) -> bool {
        match self {
            Self::Codes(from, to) => (*from..*to).contains(&finding.code.0),
            Self::Severity(severity) => finding.severity == *severity,
        }
    }
}

/// Sets severities by the options, of which the last counts, and leaves out what is allowed.
pub fn by_options(findings: &mut Vec<Finding>, options: &[(Selection, Option<Severity>)]) {
    findings.retain_mut(|finding| {
        let before = finding.clone();
        for (selection, severity) in options {
            if selection.has(&before) {
                match severity {
                    Some(severity) => finding.severity = *severity,
                    None => return false,
                }
            }
        }
        true
    });
}

/// Leaves out what comments in the files allow; an allowance without a reason is a
/// finding of its own.
pub fn by_comments(tree: &Tree, findings: &mut Vec<Finding>) {
    let paths: BTreeSet<Vec<u8>> = findings.iter().map(|finding| finding.path.clone()).collect();
    let mut allowances: BTreeMap<Vec<u8>, Vec<Allowance>> = BTreeMap::new();
    for path in paths.into_iter().filter(|path| !path.is_empty()) {
        let text = tree.read(&path, FILE_MAX).unwrap_or_default();
        allowances.insert(path, read(&text));
    }
    findings.retain(|finding| {
        let line = finding.span.map_or(0, |span| span.line);
        let allows = |allowance: &Allowance| {
            let near = allowance.line == line || allowance.line + 1 == line || line == 0;
            allowance.code == finding.code && allowance.has_reason && (near || allowance.line <= HEAD)
        };
        !allowances.get(&finding.path).is_some_and(|all| all.iter().any(allows))
    });
    for (path, all) in allowances {
        for allowance in all.iter().filter(|allowance| !allowance.has_reason) {
            let text = format!("{} is allowed without a reason, so it isn't", allowance.code);
            let advice = format!("write # {WORD}{}): why it is right here", allowance.code);
            findings.push(Finding::new(0, &path, text).at(Span::line(allowance.line)).advice(advice));
        }
    }
    findings.sort_by(|a, b| a.order().cmp(&b.order()));
}

/// A comment that allows something.
#[derive(Debug)]
struct Allowance {
    code: Code,
    line: u32,
    has_reason: bool,
}

fn read(text: &[u8]) -> Vec<Allowance> {
    let text = String::from_utf8_lossy(text);
    let mut all = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let comment = text.split_once('#').map_or("", |(_, comment)| comment.trim_start());
        let Some((code, rest)) = comment.strip_prefix(WORD).and_then(|rest| rest.split_once(')')) else {
            continue;
        };
        let has_reason = rest.trim_start().strip_prefix(':').is_some_and(|reason| !reason.trim().is_empty());
        let codes = code.split(',').filter_map(|code| registry::code(code.trim()));
        all.extend(codes.map(|code| Allowance { code, line, has_reason }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_option_names() {
        for (text, expected) in [
            ("SO105", Some(Selection::Codes(105, 106))),
            ("SO3", Some(Selection::Codes(300, 400))),
            ("so31", Some(Selection::Codes(310, 320))),
            ("warnings", Some(Selection::Severity(Severity::Warning))),
            ("SO999", None),
            ("all", None),
        ] {
            assert_eq!(Selection::parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_comment_allows_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let text =
            "#!/bin/sh\n\n\n\n\n\n# s6-overlay: allow(SO301): it traps\na\n# s6-overlay: allow(SO302)\nb\n";
        std::fs::write(dir.path().join("run"), text).unwrap();
        let mut tree = Tree::default();
        tree.add_directory(dir.path()).unwrap();
        let finding = |code, line| Finding::new(code, b"/run", "x").at(Span::line(line));
        let mut findings = vec![finding(301, 8), finding(301, 10), finding(302, 10)];
        by_comments(&tree, &mut findings);
        let left: Vec<_> = findings.iter().map(|f| (f.code.0, f.span.map(|s| s.line))).collect();
        assert_eq!(left, [(0, Some(9)), (301, Some(10)), (302, Some(10))]);
    }
}
