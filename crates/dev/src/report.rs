//! A report: findings, and what there is to say of each in any form.

use crate::finding::Finding;
use crate::image::Target;
use crate::registry::{self, word};
use crate::tree::Tree;
use s6_rc::diagnostic::{Code, Severity};
use std::collections::BTreeMap;

/// What a finding's path is called that is about the whole.
pub const WHOLE: &str = "image";

/// Where a part of the image is in a repository: `etc=docker/rootfs/etc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    from: String,
    to: String,
}

impl Map {
    /// Reads `FROM=TO`; `/` is the whole image.
    ///
    /// # Errors
    /// There is no `=`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once('=').ok_or("write FROM=TO, as etc=docker/rootfs/etc")?;
        Ok(Self { from: from.trim_matches('/').to_owned(), to: to.trim_end_matches('/').to_owned() })
    }

    /// The path in the repository, if the image's is below this one.
    fn apply(&self, path: &str) -> Option<String> {
        let rest = path.trim_start_matches('/').strip_prefix(&self.from)?;
        let fits = self.from.is_empty() || rest.is_empty() || rest.starts_with('/');
        let rest = rest.trim_start_matches('/');
        fits.then(|| match (self.to.as_str(), rest) {
            ("", rest) => rest.to_owned(),
            (to, "") => to.to_owned(),
            (to, rest) => format!("{to}/{rest}"),
        })
    }
}

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
    /// Where the image's files are in a repository; the longest one that fits counts.
    pub maps: &'a [Map],
}

impl Report<'_> {
    /// The path of a finding, as it is printed; `image` for the whole.
    #[must_use]
    pub fn path(&self, finding: &Finding) -> String {
        self.shown(&finding.path)
    }

    /// A path of the image, as it is printed.
    #[must_use]
    pub fn shown(&self, path: &[u8]) -> String {
        if path.is_empty() {
            return WHOLE.to_owned();
        }
        let inside = tool::diag::show(path).to_string();
        let fitting = self.maps.iter().filter_map(|map| Some((map.from.len(), map.apply(&inside)?)));
        match fitting.max_by_key(|(length, _)| *length).filter(|_| !path.starts_with(b"\0")) {
            Some((_, mapped)) => mapped,
            None => tool::diag::show(&self.tree.shown(path)).to_string(),
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
        // Of the path in the image, so that it is the same wherever that is unpacked.
        let path = String::from_utf8_lossy(&finding.path);
        let text = format!("{}\0{path}\0{}", finding.code, finding.text);
        // FNV-1a, 64 bits.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }

    /// How often each code was found, the most frequent one first.
    #[must_use]
    pub fn statistics(&self) -> String {
        let mut counts: BTreeMap<Code, usize> = BTreeMap::new();
        for finding in self.findings {
            *counts.entry(finding.code).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
        let line = |(code, count): (Code, usize)| {
            let (word, title) =
                registry::find(code).map_or(("", ""), |lint| (word(lint.severity), lint.title));
            format!("{count:5} {code} {word:7} {title}\n")
        };
        counts.into_iter().map(line).collect::<String>() + &self.summary() + "\n"
    }

    /// How many findings of each severity there are, and how many can be fixed: `1 error, 2 warnings (1 fixable)`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_leads_to_the_repository() {
        let map = |text: &str, path: &str| Map::parse(text).unwrap().apply(path);
        for (text, path, expected) in [
            ("etc=docker/rootfs/etc", "/etc/a/run", Some("docker/rootfs/etc/a/run")),
            ("/etc/=docker/", "/etc/a", Some("docker/a")),
            ("etc=docker", "/etc", Some("docker")),
            ("etc=docker", "/etcetera/a", None),
            ("/=rootfs", "/etc/a", Some("rootfs/etc/a")),
            ("etc=", "/etc/a", Some("a")),
        ] {
            assert_eq!(map(text, path).as_deref(), expected, "{text} {path}");
        }
        assert!(Map::parse("etc").is_err());
    }
}
