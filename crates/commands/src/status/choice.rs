//! Pure: the services that a command names.

use super::{Service, Snapshot, UNKNOWN};
use posix_regex::glob::{Shell, matches};
use tool::{Fatal, diag::show, similar};

/// The places of the services that these words stand for: names of services and of bundles, and shell patterns; without words,
/// all of them.
///
/// # Errors
/// A word that stands for nothing: code 4, with the name that was probably meant.
pub(crate) fn choose(all: &Snapshot, words: &[Vec<u8>]) -> Result<Vec<usize>, Fatal> {
    let mut chosen = Vec::new();
    for word in words {
        let before = chosen.len();
        if let Some((_, members)) = all.bundles.iter().find(|(name, _)| name == word) {
            chosen.extend(members);
        }
        chosen.extend((0..).zip(&all.services).filter_map(|(at, service)| {
            let name = service.name.as_slice();
            (name == word || (!service.is_own() && is_match(word, name))).then_some(at)
        }));
        if chosen.len() == before && !all.bundles.iter().any(|(name, _)| name == word) {
            let names = all.bundles.iter().map(|(name, _)| name.as_slice());
            return Err(unknown(word, &mut names_of(all).chain(names)));
        }
    }
    if words.is_empty() {
        chosen.extend(0..all.services.len());
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

fn names_of(all: &Snapshot) -> impl Iterator<Item = &[u8]> {
    all.services.iter().map(|service| service.name.as_slice())
}

/// The service of this name.
///
/// # Errors
/// There is none: code 4, with the name that was probably meant.
pub(crate) fn named<'a>(all: &'a Snapshot, name: &[u8]) -> Result<&'a Service, Fatal> {
    let found = all.services.iter().find(|service| service.name == name);
    found.ok_or_else(|| unknown(name, &mut names_of(all)))
}

/// Whether a word is a shell pattern.
fn is_pattern(word: &[u8]) -> bool {
    word.iter().any(|b| b"*?[".contains(b))
}

/// Whether a word is a shell pattern that this name matches.
pub(crate) fn is_match(word: &[u8], name: &[u8]) -> bool {
    is_pattern(word) && matches(word, name, Shell::default())
}

/// The error for a word that stands for none of these names: code 4, with the name that was probably meant.
pub(crate) fn unknown(word: &[u8], names: &mut dyn Iterator<Item = &[u8]>) -> Fatal {
    let what = if is_pattern(word) { "no service matches" } else { "there is no service" };
    let meant = similar(word, names).map_or(String::new(), |near| format!(": did you mean {}?", show(near)));
    Fatal::new(UNKNOWN, format_args!("{what} {}{meant}", show(word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{longrun, running};
    use wire::board::State;

    #[test]
    fn names_bundles_and_patterns() {
        let mut all = running();
        all.services =
            ["fix-attrs", "mailer", "web-1", "web-2"].map(|name| longrun(name, State::Up)).to_vec();
        all.bundles = vec![(b"user".to_vec(), vec![1, 2]), (b"none".to_vec(), Vec::new())];
        let chosen = |words: &str| {
            let words: Vec<Vec<u8>> = words.split_whitespace().map(Into::into).collect();
            choose(&all, &words).map_err(|why| format!("{} {}", why.code(), why.message()))
        };
        assert_eq!(chosen(""), Ok(vec![0, 1, 2, 3]));
        assert_eq!(chosen("web-* mailer web-1"), Ok(vec![1, 2, 3]));
        assert_eq!(chosen("user"), Ok(vec![1, 2]));
        assert_eq!(chosen("none"), Ok(Vec::new()));
        assert_eq!((chosen("fix-attrs"), chosen("*")), (Ok(vec![0]), Ok(vec![1, 2, 3])));
        assert_eq!(chosen("mialer"), Err("4 there is no service mialer: did you mean mailer?".into()));
        assert_eq!(chosen("x*"), Err("4 no service matches x*".into()));
        assert_eq!(named(&all, b"mailer").map(|service| service.name.as_slice()).ok(), Some(&b"mailer"[..]));
        assert_eq!(named(&all, b"user").map(|_| ()).map_err(|why| why.code()), Err(UNKNOWN), "a bundle");
        assert_eq!(chosen("cron"), Err("4 there is no service cron".into()));
    }
}
