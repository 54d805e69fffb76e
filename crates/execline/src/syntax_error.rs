//! What is wrong with a script, and where: a message, and the line with a caret under the fault.

use std::fmt;
use tool::diag;

/// A position in a script, counted from 1; columns count bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The byte in the line.
    pub column: u32,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    pub(crate) fn next_line(self) -> Self {
        Self { line: self.line.saturating_add(1), column: 1 }
    }

    pub(crate) fn next_column(self) -> Self {
        Self { line: self.line, column: self.column.saturating_add(1) }
    }
}

/// What is wrong with a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A `{` without its `}`.
    UnmatchedOpen,
    /// A `}` without its `{`.
    UnmatchedClose,
    /// A `"` without its closing one.
    UnterminatedQuote,
    /// `\0` or `\0x` without a digit of its base.
    EscapeDigits,
    /// An escape whose value is 0 or above 255.
    EscapeRange,
    /// A null character.
    Nul,
    /// The command line would exceed [`crate::MAX_SIZE`].
    TooBig,
}

/// What is wrong, and where: for an unmatched brace or quote, its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong.
    pub fault: Fault,
    /// Where.
    pub at: Position,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnmatchedOpen => "unmatched {: expected a } on its own before the end",
            Self::UnmatchedClose => "unmatched }: no block is open here",
            Self::UnterminatedQuote => "unterminated string: expected a closing \" before the end",
            Self::EscapeDigits => {
                "bad escape: expected an octal digit after \\0, or x and a hexadecimal digit"
            }
            Self::EscapeRange => "bad escape: expected a value from 1 to 255",
            Self::Nul => "null character: a script can't contain one",
            Self::TooBig => "the command line is too long",
        })
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.at.line, self.at.column, self.fault)
    }
}

/// How many bytes of a line are shown on each side of a fault.
const SHOWN: usize = 60;

impl SyntaxError {
    /// The message, and below it the line of `script` with a caret under the fault; a long line is cut around it.
    #[must_use]
    pub fn explain(&self, script: &[u8]) -> String {
        let nth = |n: u32| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
        let line = script.split(|b| *b == b'\n').nth(nth(self.at.line)).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (before, after) = line.split_at(nth(self.at.column).min(line.len()));
        let near = before.get(before.len().saturating_sub(SHOWN)..).unwrap_or_default();
        let next = after.get(..SHOWN).unwrap_or(after);
        let start = if near.len() < before.len() { "…" } else { "" };
        let end = if next.len() < after.len() { "…" } else { "" };
        // A tab is shown as a blank, so that the caret is in the right column.
        let show = |bytes: &[u8]| {
            let blank = |b: &u8| if *b == b'\t' { b' ' } else { *b };
            diag::shown(&bytes.iter().map(blank).collect::<Vec<_>>())
        };
        let near = format!("{start}{}", show(near));
        let indent = " ".repeat(near.chars().count());
        format!("{self}\n  {near}{}{end}\n  {indent}^", show(next))
    }
}
