//! POSIX regular expressions over bytes.
//!
//! Syntax: extended or basic expressions of POSIX, and the extensions of the C library that the reference is
//! built with: `\w \W \s \S \d \D`, `\< \> \b \B`, `\t \n \r \f \a \e`, `\xHH` and `\x{HH}`, and `\+ \? \|` in basic
//! expressions.  Text is bytes: `.` and negated brackets match any byte, classes are those of the C locale.
//! `^` and `$` mean the start and the end of the text, newlines in it are bytes like others.
//!
//! Expressions without back-references are matched by an automaton whose states are computed when a text first
//! reaches them: time is linear in the text, and memory is limited, whatever the expression.  Back-references (basic
//! expressions only) need a search, which takes long for some expressions.  Before either, a filter searches for bytes
//! that every match contains.

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
