//! The subcommands of `s6-overlay`: one file each, named after the subcommand.
//!
//! Called as `s6-overlay`, the program takes the name of a subcommand or of a tool as its first argument.  A subcommand is a
//! [`Tool`] whose name consists of both words, as in its messages.

mod help;
mod install;
mod migrate;

pub use install::set_setuid_program;
use tool::Tool;

/// The beginning of the names of all subcommands.
pub const PREFIX: &str = "s6-overlay ";

/// The subcommands, sorted by name.
pub const COMMANDS: &[&Tool] = &[&help::TOOL, &install::TOOL, &migrate::TOOL];

/// The subcommand of this name; `--help` is another name of `help`.
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
