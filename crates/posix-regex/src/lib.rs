//! POSIX regular expressions over bytes.
//!
//! Syntax: extended or basic expressions of POSIX, and the extensions of the C library that the reference is
//! built with: `\w \W \s \S \d \D`, `\< \> \b \B`, `\t \n \r \f \a \e`, `\xHH`, and `\+ \? \|` in basic
//! expressions.  Text is bytes: `.` and negated brackets match any byte, classes are those of the C locale.
//! `^` and `$` mean the start and the end of the text, newlines in it are bytes like others.
//!
//! Expressions without back-references are matched by an automaton whose states are made as the text needs
//! them: time is linear in the text, memory is bounded, whatever the expression.  Back-references (basic
//! expressions only) need a search, which may take long for expressions that are made for that.  Before either,
//! a filter looks for bytes without which there is no match.

pub mod bytes;
pub mod glob;

mod any_of;
mod automaton;
mod filter;
mod groups;
mod parse;
mod program;
mod regex;
mod search;
mod syntax;

pub use any_of::AnyOf;
pub use regex::Regex;
pub use syntax::Syntax;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;
