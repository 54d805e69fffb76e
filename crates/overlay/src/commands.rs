//! The subcommands of `s6-overlay`, the command for people: one file each, named after the subcommand.
//!
//! The program is called by the names of its tools; called as `s6-overlay`, its first argument names one of these
//! (or a tool).  A subcommand is a [`Tool`] whose name is both words, which its messages begin with.

mod help;
mod install;
mod migrate;

pub use install::set_setuid_program;
use tool::Tool;

/// What the names of all subcommands begin with.
pub const PREFIX: &str = "s6-overlay ";

/// The subcommands, sorted by name.
pub const COMMANDS: &[&Tool] = &[&help::TOOL, &install::TOOL, &migrate::TOOL];

/// The subcommand of that name, such as `help`, which may also be asked for as `--help`.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Tool> {
    let name = if name == b"--help" { b"help" } else { name };
    COMMANDS.iter().find(|c| c.name.strip_prefix(PREFIX).is_some_and(|n| n.as_bytes() == name)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_have_the_prefix() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        assert!(COMMANDS.iter().all(|c| c.name.starts_with(PREFIX)));
    }

    #[test]
    fn lookup_is_exact() {
        for asked in [&b"help"[..], b"--help"] {
            assert_eq!(find(asked).map(|c| c.name), Some("s6-overlay help"));
        }
        assert!(find(b"s6-overlay help").is_none() && find(b"hel").is_none() && find(b"").is_none());
    }
}
