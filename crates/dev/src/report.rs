//! A report: findings, and what there is to say of each in any form.

use crate::finding::Finding;
use crate::image::Target;
use crate::registry::{self, word};
use crate::tree::Tree;
use s6_rc::diagnostic::Severity;

/// What is printed.
#[derive(Debug)]
pub struct Report<'a> {
    /// The files that the findings are about.
    pub tree: &'a Tree,
    /// The findings, sorted.
    pub findings: &'a [Finding],
    /// Which s6-overlay the effects are told for.
    pub target: Target,
    /// Whether colours are wanted.
    pub color: bool,
}

impl Report<'_> {
    /// The path of a finding, as it is printed; `image` for the whole.
    #[must_use]
    pub fn path(&self, finding: &Finding) -> String {
        match finding.path.as_slice() {
            b"" => "image".to_owned(),
            path => tool::diag::show(&self.tree.shown(path)).to_string(),
        }
    }

    /// `FILE:LINE:COLUMN`.
    #[must_use]
    pub fn place(&self, finding: &Finding) -> String {
        let mut place = self.path(finding);
        if let Some(span) = finding.span {
            place.push_str(&format!(":{}", span.line));
            if span.column > 0 {
                place.push_str(&format!(":{}", span.column));
            }
        }
        place
    }

    /// What happens at run time.
    #[must_use]
    pub fn effect(&self, finding: &Finding) -> &'static str {
        registry::find(finding.code).map_or("", |lint| match (self.target, lint.effect_c) {
            (Target::S6Overlay, Some(effect)) => effect,
            _ => lint.effect,
        })
    }

    /// A number that stays the same while the finding does, wherever its line goes.
    #[must_use]
    pub fn fingerprint(&self, finding: &Finding) -> String {
        let text = format!("{}\0{}\0{}", finding.code, self.path(finding), finding.text);
        // FNV-1a, 64 bits.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }

    /// How many findings of each severity there are, and how many can be mended: `1 error, 2 warnings (1 fixable)`.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        let parts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
            .into_iter()
            .map(|severity| (count(severity), word(severity)))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
            .collect();
        if parts.is_empty() {
            return "nothing found".into();
        }
        let fixable = self.findings.iter().filter(|finding| finding.fix.is_some()).count();
        let fixable = if fixable > 0 { format!(" ({fixable} fixable)") } else { String::new() };
        format!("{}{fixable}", parts.join(", "))
    }
}
