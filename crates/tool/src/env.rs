//! The environment of a tool as a value.

use rustix::io::Errno;
use std::cell::OnceCell;
use sys::spawn::Strings;

/// An ordered list of `NAME=VALUE` strings.
///
/// A changed variable moves to the end.  Of a name that occurs twice, the first one counts; a change or removal
/// concerns all of them.  Strings without `=` are kept and never match a name.
#[derive(Debug, Clone)]
pub struct Env {
    /// Not set while it is what the process got and nobody needed a copy.
    vars: OnceCell<Vec<Vec<u8>>>,
}

/// The value of `var` if its name is `name`.
fn value_of<'a>(var: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    var.strip_prefix(name)?.strip_prefix(b"=")
}

impl Env {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::from_vars(Vec::new())
    }

    /// From `NAME=VALUE` strings.
    #[must_use]
    pub fn from_vars(vars: Vec<Vec<u8>>) -> Self {
        Self { vars: OnceCell::from(vars) }
    }

    /// What the process got.  It is copied when it is looked at, and so before [`sys::args::set_title`].
    #[must_use]
    pub fn of_process() -> Self {
        Self { vars: OnceCell::new() }
    }

    /// The `NAME=VALUE` strings in their order.
    #[must_use]
    pub fn vars(&self) -> &[Vec<u8>] {
        self.vars.get_or_init(sys::args::environment)
    }

    /// The same, if it may be another environment than the one that the process got.
    #[must_use]
    pub fn changed(&self) -> Option<&[Vec<u8>]> {
        self.vars.get().map(Vec::as_slice)
    }

    /// Strings for exec.
    ///
    /// # Errors
    /// `INVAL` if one has a NUL byte.
    pub fn strings(&self) -> Result<Strings, Errno> {
        self.changed().map_or_else(|| Ok(Strings::of_environment()), Strings::new)
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let mut vars = self.vars.take().unwrap_or_else(sys::args::environment);
        change(&mut vars);
        self.vars = OnceCell::from(vars);
    }

    /// Names and values in their order; strings without `=` are left out.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.vars().iter().filter_map(|v| {
            let at = v.iter().position(|b| *b == b'=')?;
            let (name, value) = v.split_at_checked(at)?;
            Some((name, value.get(1..)?))
        })
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.vars().iter().find_map(|v| value_of(v, name))
    }

    /// A copy of the value of a variable, without a copy of the others.
    #[must_use]
    pub fn copy_of(&self, name: &[u8]) -> Option<Vec<u8>> {
        match self.changed() {
            Some(_) => self.get(name).map(<[u8]>::to_vec),
            None => sys::args::variable(name),
        }
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.unset(name);
        let mut var = Vec::with_capacity(name.len() + value.len() + 1);
        var.extend_from_slice(name);
        var.push(b'=');
        var.extend_from_slice(value);
        self.change(|vars| vars.push(var));
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &[u8]) {
        self.change(|vars| vars.retain(|v| value_of(v, name).is_none()));
    }

    /// Keeps the variables for which `keep(name, value)` is true; removes strings without `=`.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        self.change(|vars| {
            vars.retain(|v| match v.iter().position(|b| *b == b'=') {
                Some(at) => keep(v.get(..at).unwrap_or_default(), v.get(at + 1..).unwrap_or_default()),
                None => false,
            });
        });
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        *self = Self::new();
    }
}

impl Default for Env {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Env {
    fn eq(&self, other: &Self) -> bool {
        self.vars() == other.vars()
    }
}

impl Eq for Env {}

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
