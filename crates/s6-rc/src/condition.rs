//! `only-if`: what has to hold in a container for a service to be in it; and what variables leave out or add.
//!
//! | module | what it is |
//! |---|---|
//! | [`words`](mod@words) | pure: the words that a condition may begin with |
//! | [`parse`](mod@parse) | pure: from the text of a file to conditions |
//! | [`evaluate`] | pure: whether they hold, by facts that the caller knows, and if not, why |
//! | [`switches`] | pure: S6_DISABLE, S6_ENABLE and S6_REQUIRE |
//! | [`prune`](mod@prune) | which definitions a container is without, and what follows for the others |
//! | [`record`] | pure: what was found, as bytes for those who tell of it |
//!
//! The compiler checks the words; whether they hold is asked once, at the start of a container.

pub(crate) mod evaluate;
pub(crate) mod parse;
pub(crate) mod prune;
mod record;
mod switches;
mod words;

use rustix::fs::FileType;
use tool::Fatal;
use words::Row;

pub use evaluate::examine;
pub use prune::{refusal, told};
pub use record::{decode, encode};
pub use switches::Switches;

/// The file.
pub const FILE: &str = "only-if";

/// A line of the file: it holds if one of its tests does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its words, with single blanks between them.
    pub(crate) text: Vec<u8>,
    pub(crate) tests: Vec<Test>,
}

/// One of the alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    row: &'static Row,
    /// Whether it holds if what it says doesn't.
    negated: bool,
    arguments: Vec<Vec<u8>>,
}

/// What conditions ask of a container; it has nothing of what isn't answered.
pub trait Facts {
    /// Whether a test holds, such as `memory` with `>=` and `1G`, if that is known without what follows.
    fn decided(&self, _name: &str, _arguments: &[Vec<u8>]) -> Option<bool> {
        None
    }
    /// The value of a variable of the container.
    ///
    /// # Errors
    /// The variables can't be read.
    fn variable(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Fatal>;
    /// How many processors the container may use, at least one.
    fn cpus(&self) -> u32 {
        1
    }
    /// How many instances of a service were asked for by hand, as in its file.
    fn scaled(&self, _name: &[u8]) -> Option<Vec<u8>> {
        None
    }
    /// What there is at a path, links followed.
    fn file(&self, _path: &[u8]) -> Option<FileType> {
        None
    }
    /// Whether there is a program of this name.
    ///
    /// # Errors
    /// As [`Facts::variable`].
    fn has_program(&self, _name: &[u8]) -> Result<bool, Fatal> {
        Ok(false)
    }
    /// The user that the container belongs to.
    fn uid(&self) -> Option<u32> {
        None
    }
    /// The capabilities that process 1 has, a bit each.
    fn capabilities(&self) -> u64 {
        0
    }
    /// Whether what supervises is process 1.
    fn is_first(&self) -> bool {
        false
    }
    /// Whether what the container says goes to a terminal.
    fn has_terminal(&self) -> bool {
        false
    }
    /// The bytes of memory that the container may use.
    fn memory(&self) -> Option<u64> {
        None
    }
    /// The kernel's version, as in `6.1.0-13-amd64`.
    fn kernel(&self) -> Vec<u8> {
        Vec::new()
    }
    /// The answer of a program.
    ///
    /// # Errors
    /// It gave none.
    fn run(&self, argv: &[Vec<u8>]) -> Result<bool, Fatal>;
}

/// What was found out about a service that has conditions, or isn't in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// Its name.
    pub name: Vec<u8>,
    /// The first letter of its type, `l`, `o` or `b`; [`LEGACY`] for a service of services.d.
    pub kind: u8,
    /// The pipeline whose end it is, which is not in the record.
    pub pipeline: Vec<u8>,
    /// Why it isn't in the container, if it isn't.
    pub absent: Option<String>,
    /// The service or bundle without which it isn't there; empty if that is only its own affair.
    pub without: Vec<u8>,
    /// The conditions that were asked, each with `+` before it if it holds, `-` if it doesn't, and a zero byte behind it.
    pub answers: Vec<u8>,
}

/// The kind of a service of services.d.
pub const LEGACY: u8 = b's';

impl Examined {
    /// A service of services.d.
    #[must_use]
    pub fn legacy(name: Vec<u8>, absent: Option<String>, answers: Vec<u8>) -> Self {
        Self { name, kind: LEGACY, absent, answers, ..Self::default() }
    }

    /// Gives each condition that was asked, and whether it holds.
    pub fn each(&self, each: &mut dyn FnMut(&[u8], bool)) {
        for answer in self.answers.split(|byte| *byte == 0) {
            if let Some((sign, text)) = answer.split_first() {
                each(text, *sign == b'+');
            }
        }
    }
}

#[cfg(test)]
mod tests;
