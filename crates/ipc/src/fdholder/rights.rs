//! What a client of an fd holder may do: the environment part of the rule that lets it in.

use crate::access_rules::Grant;
use posix_regex::Regex;
use tool::diag::show;

/// A client's rights.  By default there are none.
#[derive(Debug, Default)]
pub struct Rights {
    /// S6_FDHOLDER_STORE_REGEX: identifiers that it may store and delete.
    store: Option<Regex>,
    /// S6_FDHOLDER_RETRIEVE_REGEX: identifiers that it may retrieve.
    retrieve: Option<Regex>,
    /// S6_FDHOLDER_LIST: it may list all identifiers.
    pub list: bool,
    /// S6_FDHOLDER_GETDUMP: it may retrieve everything at once.
    pub get_dump: bool,
    /// S6_FDHOLDER_SETDUMP: it may store anything, and replace what is there.
    pub set_dump: bool,
}

impl Rights {
    /// The rights that a rule gives.
    ///
    /// # Errors
    /// An expression is wrong; the text says which and why.  A client with such a rule is refused.
    pub fn of(grant: &Grant) -> Result<Self, String> {
        let value = |name: &[u8]| {
            let change = grant.env.iter().find(|(n, _)| n == name);
            change.and_then(|(_, value)| value.as_deref())
        };
        let expression = |name: &str| match value(name.as_bytes()) {
            None => Ok(None),
            Some(text) => match Regex::extended(text) {
                Ok(regex) => Ok(Some(regex)),
                Err(why) => Err(format!("invalid {name} {}: {why}", show(text))),
            },
        };
        Ok(Self {
            store: expression("S6_FDHOLDER_STORE_REGEX")?,
            retrieve: expression("S6_FDHOLDER_RETRIEVE_REGEX")?,
            list: value(b"S6_FDHOLDER_LIST").is_some(),
            get_dump: value(b"S6_FDHOLDER_GETDUMP").is_some(),
            set_dump: value(b"S6_FDHOLDER_SETDUMP").is_some(),
        })
    }

    /// Whether it may store and delete under this name.
    pub fn may_store(&mut self, id: &[u8]) -> bool {
        self.store.as_mut().is_some_and(|regex| regex.is_match(id))
    }

    /// Whether it may retrieve what has this name.
    pub fn may_retrieve(&mut self, id: &[u8]) -> bool {
        self.retrieve.as_mut().is_some_and(|regex| regex.is_match(id))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn rights(vars: &[(&str, &str)]) -> Result<Rights, String> {
        let env = vars.iter().map(|(name, value)| {
            (format!("S6_FDHOLDER_{name}").into_bytes(), Some(value.as_bytes().to_vec()))
        });
        Rights::of(&Grant { env: env.collect(), exec: Vec::new() })
    }

    #[test]
    fn nothing_is_allowed_unless_said() {
        let mut none = rights(&[]).unwrap();
        assert!(!none.may_store(b"x") && !none.may_retrieve(b"x"));
        assert!(!none.list && !none.get_dump && !none.set_dump);
        let mut some = rights(&[("STORE_REGEX", "^unix:"), ("LIST", "")]).unwrap();
        assert!(some.may_store(b"unix:x") && !some.may_store(b"x") && !some.may_retrieve(b"unix:x"));
        assert!(some.list && !some.get_dump);
        assert!(rights(&[("STORE_REGEX", "")]).unwrap().may_store(b"anything"));
    }

    #[test]
    fn a_wrong_expression_is_named() {
        let why = rights(&[("RETRIEVE_REGEX", "(")]).unwrap_err();
        assert!(why.starts_with("invalid S6_FDHOLDER_RETRIEVE_REGEX (: "), "{why}");
    }
}
