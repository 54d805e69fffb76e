//! The stack of frames in the environment: the positional parameters and `ELGETOPT_*` of outer scripts are kept as
//! `NAME:1`, `NAME:2` and so on.

use tool::Env;

/// Whether this names a positional parameter: it begins with `#` or a digit.
#[must_use]
pub(crate) fn is_positional(name: &[u8]) -> bool {
    name.first().is_some_and(|b| *b == b'#' || b.is_ascii_digit())
}

/// Whether this names an option found by elgetopt: it begins with `ELGETOPT_`.
#[must_use]
pub(crate) fn is_option(name: &[u8]) -> bool {
    name.starts_with(b"ELGETOPT_")
}

/// A name without its level, and the level: 0 for the current frame.  `None` if a colon is followed by anything but a
/// number: such a variable belongs to no frame.
fn level(name: &[u8]) -> Option<(&[u8], u32)> {
    match name.iter().position(|b| *b == b':') {
        None => Some((name, 0)),
        Some(at) => Some((name.get(..at)?, wire::number::decimal(name.get(at + 1..)?)?)),
    }
}

fn map(env: &Env, is_framed: fn(&[u8]) -> bool, change: impl Fn(&[u8], u32) -> Option<Vec<u8>>) -> Env {
    let mut vars = Vec::with_capacity(env.vars().len());
    for var in env.vars() {
        let at = var.iter().position(|b| *b == b'=').unwrap_or(var.len());
        let (name, value) = var.split_at_checked(at).unwrap_or_default();
        match level(name).filter(|_| is_framed(name) && at < var.len()) {
            None => vars.push(var.clone()),
            Some((base, n)) => {
                if let Some(mut renamed) = change(base, n) {
                    renamed.extend_from_slice(value);
                    vars.push(renamed);
                }
            }
        }
    }
    Env::from_vars(vars)
}

fn at_level(base: &[u8], n: u32) -> Vec<u8> {
    let mut name = base.to_vec();
    if n > 0 {
        name.extend_from_slice(format!(":{n}").as_bytes());
    }
    name
}

/// Renames `NAME` to `NAME:1`, `NAME:1` to `NAME:2` and so on, for the names that `is_framed` accepts.
#[must_use]
pub(crate) fn push(env: &Env, is_framed: fn(&[u8]) -> bool) -> Env {
    map(env, is_framed, |base, n| Some(at_level(base, n.saturating_add(1))))
}

/// Drops `NAME`, and renames `NAME:1` to `NAME`, `NAME:2` to `NAME:1` and so on.
#[must_use]
pub(crate) fn pop(env: &Env, is_framed: fn(&[u8]) -> bool) -> Env {
    map(env, is_framed, |base, n| n.checked_sub(1).map(|n| at_level(base, n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &[&str]) -> Env {
        Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect())
    }

    #[test]
    fn push_and_pop() {
        let before = env(&["#=1", "0=x", "1=a=b", "1:1=old", "PATH=/", "1:x=?", "ELGETOPT_a=1"]);
        let pushed = env(&["#:1=1", "0:1=x", "1:1=a=b", "1:2=old", "PATH=/", "1:x=?", "ELGETOPT_a=1"]);
        assert_eq!(push(&before, is_positional), pushed);
        assert_eq!(pop(&pushed, is_positional), before);
        assert_eq!(pop(&before, is_positional), env(&["1=old", "PATH=/", "1:x=?", "ELGETOPT_a=1"]));
        assert_eq!(pop(&before, is_option).get(b"ELGETOPT_a"), None);
    }
}
