//! Pure: the services that a command names.

use super::{Snapshot, UNKNOWN};
use posix_regex::glob::{Shell, matches};
use tool::{Fatal, diag::show};

/// The places of the services that these words stand for: names of services and of bundles, and shell patterns; without words,
/// all of them.
///
/// # Errors
/// A word that stands for nothing: code 4, with the name that was probably meant.
pub(crate) fn choose(all: &Snapshot, words: &[Vec<u8>]) -> Result<Vec<usize>, Fatal> {
    let mut chosen = Vec::new();
    for word in words {
        let is_pattern = word.iter().any(|b| b"*?[".contains(b));
        let before = chosen.len();
        if let Some((_, members)) = all.bundles.iter().find(|(name, _)| name == word) {
            chosen.extend(members);
        }
        chosen.extend((0..).zip(&all.services).filter_map(|(at, service)| {
            let name = service.name.as_slice();
            let is_it =
                name == word || (is_pattern && !service.is_own() && matches(word, name, Shell::default()));
            is_it.then_some(at)
        }));
        if chosen.len() == before && !all.bundles.iter().any(|(name, _)| name == word) {
            let names = all
                .services
                .iter()
                .map(|service| &service.name)
                .chain(all.bundles.iter().map(|(name, _)| name));
            let near = tool::nearest(word, names.map(Vec::as_slice));
            let meant = match near
                .filter(|(differences, _)| differences.saturating_mul(5) <= word.len().saturating_mul(2))
            {
                Some((_, name)) => format!(": did you mean {}?", show(name)),
                None => String::new(),
            };
            let what = if is_pattern { "no service matches" } else { "there is no service" };
            return Err(Fatal::new(UNKNOWN, format!("{what} {}{meant}", show(word))));
        }
    }
    if words.is_empty() {
        chosen.extend(0..all.services.len());
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
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
        assert_eq!(chosen("cron"), Err("4 there is no service cron".into()));
    }
}
