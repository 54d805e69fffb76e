//! The environment of a tool as a value.

/// An ordered list of `NAME=VALUE` strings.
///
/// A changed variable moves to the end.  Of a name that occurs twice, the first one counts; a change or removal
/// concerns all of them.  Strings without `=` are kept and never match a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Env {
    vars: Vec<Vec<u8>>,
}

/// The value of `var` if its name is `name`.
fn value_of<'a>(var: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    var.strip_prefix(name)?.strip_prefix(b"=")
}

impl Env {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From `NAME=VALUE` strings.
    #[must_use]
    pub fn from_vars(vars: Vec<Vec<u8>>) -> Self {
        Self { vars }
    }

    /// The `NAME=VALUE` strings in their order.
    #[must_use]
    pub fn vars(&self) -> &[Vec<u8>] {
        &self.vars
    }

    /// Names and values in their order; strings without `=` are left out.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.vars.iter().filter_map(|v| {
            let at = v.iter().position(|b| *b == b'=')?;
            let (name, value) = v.split_at_checked(at)?;
            Some((name, value.get(1..)?))
        })
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.vars.iter().find_map(|v| value_of(v, name))
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.unset(name);
        let mut var = Vec::with_capacity(name.len() + value.len() + 1);
        var.extend_from_slice(name);
        var.push(b'=');
        var.extend_from_slice(value);
        self.vars.push(var);
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &[u8]) {
        self.vars.retain(|v| value_of(v, name).is_none());
    }

    /// Keeps the variables for which `keep(name, value)` is true; removes strings without `=`.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        self.vars.retain(|v| match v.iter().position(|b| *b == b'=') {
            Some(at) => keep(v.get(..at).unwrap_or_default(), v.get(at + 1..).unwrap_or_default()),
            None => false,
        });
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.vars.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &[&str]) -> Env {
        Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect())
    }

    #[test]
    fn names_match_exactly() {
        let e = env(&["PATH=/bin", "P=", "X"]);
        assert_eq!(e.get(b"P"), Some(&b""[..]));
        assert_eq!(e.get(b"PAT"), None);
        assert_eq!(e.get(b"X"), None);
    }

    #[test]
    fn of_a_name_that_occurs_twice_the_first_counts_and_all_go() {
        let mut e = env(&["A=1", "X", "A=2", "B="]);
        assert_eq!(e.get(b"A"), Some(&b"1"[..]));
        let pairs: Vec<_> = e.iter().collect();
        assert_eq!(pairs, [(&b"A"[..], &b"1"[..]), (b"A", b"2"), (b"B", b"")]);
        e.unset(b"A");
        assert_eq!(e, env(&["X", "B="]));
        e.retain(|name, value| name == b"B" && value.is_empty());
        assert_eq!(e, env(&["B="]), "strings without = go");
    }

    #[test]
    fn a_change_moves_to_the_end() {
        let mut e = env(&["A=1", "B=2", "A=3"]);
        e.set(b"A", b"4");
        assert_eq!(e, env(&["B=2", "A=4"]));
    }
}
