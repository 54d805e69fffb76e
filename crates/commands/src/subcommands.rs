//! The subcommands of `s6-overlay`: one file each, named after the subcommand.
//!
//! Called as `s6-overlay`, the program takes the name of a subcommand or of a tool as its first argument.  A subcommand is a
//! [`Tool`] whose name consists of both words, as in its messages.  Its options stand anywhere among its operands
//! ([`tool::Call::options_anywhere`]); `-h` and `--help` among them ask for what `s6-overlay help NAME` prints.

mod boot;
mod check;
mod env;
mod events;
pub(crate) mod health;
mod help;
mod install;
mod logs;
mod reload;
mod restart;
mod scale;
mod start;
pub(crate) mod status;
mod stop;
mod terminal;
pub(crate) mod version;
mod wait;

pub use version::{Build, set_build};

use tool::{Tool, did_you_mean};

/// The beginning of the names of all subcommands.
pub const PREFIX: &str = "s6-overlay ";

/// A subcommand.
#[derive(Debug)]
pub struct Command {
    /// Its definition.
    pub tool: &'static Tool,
    /// What else its page says, in Markdown: exit codes, notes, examples.
    text: &'static str,
}

impl Command {
    /// The second word of its name.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.tool.name.strip_prefix(PREFIX).unwrap_or(self.tool.name)
    }
}

/// The table of subcommands with these names: each a module with a `TOOL`, and a page in `docs/tools/extra`.
macro_rules! commands {
    ($($name:ident)*) => {
        &[$(Command {
            tool: &$name::TOOL,
            text: include_str!(concat!("../../../docs/tools/extra/s6-overlay-", stringify!($name), ".md")),
        }),*]
    };
}

/// The subcommands, sorted by name.
pub const COMMANDS: &[Command] = commands![
    boot check env events health help install logs reload restart scale start status stop version wait
];

/// The subcommand of this name.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.word().as_bytes() == name)
}

/// The tool of the subcommand that the first of these words names; what asks for help, or for the version, becomes the
/// subcommand that gives it.
#[must_use]
pub fn take_call(words: &mut Vec<Vec<u8>>) -> Option<&'static Tool> {
    let (first, rest) = words.split_first_mut()?;
    match first.as_slice() {
        b"-h" | b"--help" => *first = b"help".to_vec(),
        b"-V" | b"--version" => *first = b"version".to_vec(),
        _ => {}
    }
    let command = find(first)?;
    let mut options = rest.iter().take_while(|word| *word != b"--");
    if options.any(|word| word == b"-h" || word == b"--help") {
        *words = vec![b"help".to_vec(), command.word().into()];
        return Some(&help::TOOL);
    }
    Some(command.tool)
}

/// `: did you mean NAME?`, if a subcommand has a similar name.
#[must_use]
pub fn meant_by(name: &[u8]) -> String {
    did_you_mean(name, COMMANDS.iter().map(Command::word), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_have_the_prefix() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.tool.name < b.tool.name));
        assert!(COMMANDS.iter().all(|c| c.tool.name.starts_with(PREFIX)));
    }

    #[test]
    fn no_subcommand_takes_the_options_of_help() {
        let mut options = COMMANDS.iter().flat_map(|c| c.tool.options);
        assert!(options.all(|o| o.short != 'h' && o.long != Some("help")));
    }

    #[test]
    fn what_is_asked_for() {
        for (words, expected) in [
            ("help", "s6-overlay help: help"),
            ("-h", "s6-overlay help: help"),
            ("--help install", "s6-overlay help: help install"),
            ("install -n", "s6-overlay install: install -n"),
            ("install -n --help", "s6-overlay help: help install"),
            ("install x -h", "s6-overlay help: help install"),
            ("install -- -h", "s6-overlay install: install -- -h"),
            ("-V", "s6-overlay version: version"),
            ("--version --json", "s6-overlay version: version --json"),
            ("hel", "none"),
            ("", "none"),
        ] {
            let mut args: Vec<Vec<u8>> = words.split(' ').map(Into::into).collect();
            let found = match take_call(&mut args) {
                Some(tool) => format!("{}: {}", tool.name, tool::diag::show(&args.join(&b' '))),
                None => "none".into(),
            };
            assert_eq!(found, expected, "{words}");
        }
        assert!(take_call(&mut Vec::new()).is_none());
        assert_eq!(meant_by(b"verison"), ": did you mean version?");
    }
}
