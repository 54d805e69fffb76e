//! What is left out of a report: by comments, by settings and by options.

use crate::finding::{Finding, Span};
use crate::image::{Image, Target};
use crate::registry;
use crate::report::WHOLE;
use crate::settings::Settings;
use crate::shell::span_of;
use crate::text::has;
use crate::tree::{SETTINGS, Tree};
use s6_rc::diagnostic::{Code, Severity};

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

/// Leaves out what comments in the files and settings allow; what allows nothing, or without a reason, is a finding of its own.
pub fn by_allowances(image: &Image<'_>, settings: &Settings, findings: &mut Vec<Finding>) {
    let mut comments: Vec<Allowance> = image.texts().iter().flat_map(|path| read(image.tree, path)).collect();
    let mut used = vec![false; settings.rules.len()];
    findings.retain(|finding| {
        let mut left = true;
        for comment in comments.iter_mut().filter(|comment| comment.allows(finding)) {
            (comment.is_used, left) = (true, false);
        }
        let path = by_settings(finding);
        for (rule, used) in settings.rules.iter().zip(&mut used) {
            if rule.code == finding.code && rule.matches(&path) {
                (*used, left) = (true, false);
            }
        }
        left
    });
    findings.extend(comments.iter().filter_map(|comment| comment.finding(image)));
    let text = image.tree.read(SETTINGS, FILE_MAX).unwrap_or_default();
    let unused =
        settings.rules.iter().zip(used).filter(|(rule, used)| !used && is_looked_for(image, rule.code));
    findings.extend(unused.map(|(rule, _)| {
        let words = format!("nothing is {} here", rule.code);
        Finding::new(0, SETTINGS, words).at(span_of(&text, rule.place.clone())).advice("remove it")
    }));
    findings.sort_by(|a, b| a.order().cmp(&b.order()));
}

/// What the globs of settings match: the path in the image, or the word for the whole.
fn by_settings(finding: &Finding) -> String {
    match finding.path.as_slice() {
        b"" => WHOLE.to_owned(),
        path => String::from_utf8_lossy(path.strip_prefix(b"\0").unwrap_or(path)).into_owned(),
    }
}

/// Whether a lint would have found something if there were anything: some need more than the files of one directory.
fn is_looked_for(image: &Image<'_>, code: Code) -> bool {
    match code.0 {
        102 | 101 | 109 | 111 | 112 | 125 | 201 | 207 | 318 | 501 | 602..=604 => image.is_whole,
        607 | 790 => image.target == Target::S6Overlay,
        608 => image.config.stop_timeout.is_some(),
        609 => image.extra.strict,
        901 => image.extra.security,
        405 | 408 => image.config.is_complete,
        400..=499 | 502 | 601 | 606 => image.config.is_known,
        _ => true,
    }
}

/// A comment that allows something.
#[derive(Debug)]
struct Allowance {
    path: Vec<u8>,
    /// `None`: there is no such lint.
    code: Option<Code>,
    /// How it is written.
    word: String,
    line: u32,
    has_reason: bool,
    is_used: bool,
}

impl Allowance {
    fn allows(&self, finding: &Finding) -> bool {
        let line = finding.span.map_or(0, |span| span.line);
        let near = self.line == line || self.line + 1 == line || line == 0;
        let here = self.path == finding.path && self.code == Some(finding.code);
        here && self.has_reason && (near || self.line <= HEAD)
    }

    /// What is wrong with it.
    fn finding(&self, image: &Image<'_>) -> Option<Finding> {
        let word = &self.word;
        let (lint, text, advice) = match self.code {
            None => (0, format!("there is no lint {word}"), "s6-overlay-dev explain lists all".to_owned()),
            Some(_) if !self.has_reason => {
                let advice = format!("write # {WORD}{word}): why it is right here");
                (1, format!("{word} is allowed without a reason, so it isn't"), advice)
            }
            Some(code) if !self.is_used && is_looked_for(image, code) => {
                (0, format!("nothing is {word} here"), "remove it".to_owned())
            }
            Some(_) => return None,
        };
        Some(Finding::new(lint, &self.path, text).at(Span::line(self.line)).advice(advice))
    }
}

/// The comments of a file that allow something.
fn read(tree: &Tree, path: &[u8]) -> Vec<Allowance> {
    let text = tree.read(path, FILE_MAX).unwrap_or_default();
    if !has(&text, WORD.as_bytes()) {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&text);
    let mut all = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let comment = text.split_once('#').map_or("", |(_, comment)| comment.trim_start());
        let Some((codes, rest)) = comment.strip_prefix(WORD).and_then(|rest| rest.split_once(')')) else {
            continue;
        };
        let has_reason = rest.trim_start().strip_prefix(':').is_some_and(|reason| !reason.trim().is_empty());
        all.extend(codes.split(',').map(str::trim).map(|word| Allowance {
            path: path.to_vec(),
            code: registry::named(word).map(|lint| lint.code),
            word: word.to_owned(),
            line,
            has_reason,
            is_used: false,
        }));
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
        let text = "#!/bin/sh\n\n\n\n\n\n# s6-overlay: allow(SO301): it traps\na\n# s6-overlay: allow(SO302)\nb\n\
                    # s6-overlay: allow(SO303, SO390): why\nc\n";
        let service = dir.path().join("etc/services.d/web");
        std::fs::create_dir_all(&service).unwrap();
        std::fs::write(service.join("run"), text).unwrap();
        let mut tree = Tree::default();
        tree.add_directory(dir.path()).unwrap();
        let image = Image::read(&tree, crate::config::Config::default(), Target::Rs, false);
        let path = b"/etc/services.d/web/run";
        let finding = |code, line| Finding::new(code, path, "x").at(Span::line(line));
        let mut findings = vec![finding(301, 8), finding(301, 10), finding(302, 10)];
        by_allowances(&image, &Settings::default(), &mut findings);
        let left: Vec<_> = findings.iter().map(|f| (f.code.0, f.span.map(|s| s.line))).collect();
        assert_eq!(left, [(1, Some(9)), (301, Some(10)), (302, Some(10)), (0, Some(11)), (0, Some(11))]);
    }

    #[test]
    fn settings_allow_and_what_they_allow_for_nothing_is_reported() {
        let mut tree = Tree::default();
        let text =
            "[allow]\n\"SO301\" = [\"etc/*\", \"opt/*\"]\n\"SO606\" = [\"image\"]\n\"SO609\" = [\"**\"]\n";
        tree.add_memory(crate::tree::Memory::default());
        tree.add_beside(SETTINGS, None, text.into());
        let image = Image::read(&tree, crate::config::Config::default(), Target::Rs, false);
        let mut findings = vec![Finding::new(301, b"/etc/run", "x"), Finding::new(606, b"", "x")];
        by_allowances(&image, &Settings::read(text).unwrap(), &mut findings);
        let left: Vec<_> =
            findings.iter().map(|f| (f.code.0, f.text.as_str(), f.span.map(|s| s.line))).collect();
        assert_eq!(left, [(0, "nothing is SO301 here", Some(2))]);
    }
}
