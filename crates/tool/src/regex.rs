//! POSIX regular expressions over bytes, for tools that ask whether a line matches.
//!
//! Syntax: extended or basic expressions of POSIX, and the extensions of the C library that the reference is
//! built with: `\w \W \s \S \d \D`, `\< \> \b \B`, `\t \n \r \f \a \e`, `\xHH`, and `\+ \? \|` in basic
//! expressions.  Text is bytes: `.` and negated brackets match any byte, classes are those of the C locale.
//! `^` and `$` mean the start and the end of the text, newlines in it are bytes like others.
//!
//! Expressions without back-references are matched by an automaton whose states are made as the text needs
//! them: time is linear in the text, memory is bounded, whatever the expression.  Back-references (basic
//! expressions only) need a search, which may take long for expressions that are made for that.

mod automaton;
mod parse;
mod program;
mod search;

use automaton::Automaton;
use search::Search;

/// A compiled regular expression.
#[derive(Debug)]
pub struct Regex {
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    Automaton(Box<Automaton>),
    Search(Search),
}

/// Which of POSIX's two syntaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Basic,
    Extended,
}

impl Regex {
    /// Compiles an extended regular expression.
    ///
    /// # Errors
    /// What is wrong with the expression, or that it is too big.
    pub fn extended(pattern: &[u8]) -> Result<Self, String> {
        Self::compile(pattern, Syntax::Extended, false)
    }

    /// Compiles an extended regular expression that takes letters of ASCII in both cases for the same.
    ///
    /// # Errors
    /// As [`Regex::extended`].
    pub fn extended_ignoring_case(pattern: &[u8]) -> Result<Self, String> {
        Self::compile(pattern, Syntax::Extended, true)
    }

    /// Compiles a basic regular expression.
    ///
    /// # Errors
    /// As [`Regex::extended`].
    pub fn basic(pattern: &[u8]) -> Result<Self, String> {
        Self::compile(pattern, Syntax::Basic, false)
    }

    /// Compiles a basic regular expression that takes letters of ASCII in both cases for the same.
    ///
    /// # Errors
    /// As [`Regex::extended`].
    pub fn basic_ignoring_case(pattern: &[u8]) -> Result<Self, String> {
        Self::compile(pattern, Syntax::Basic, true)
    }

    fn compile(pattern: &[u8], syntax: Syntax, ignore_case: bool) -> Result<Self, String> {
        let tree = parse::parse(pattern, syntax, ignore_case)?;
        let matcher = if tree.has_back_references() {
            Matcher::Search(Search::new(program::compile_with_slots(&tree)?, ignore_case))
        } else {
            Matcher::Automaton(Box::new(Automaton::new(program::compile(&tree)?)))
        };
        Ok(Self { matcher })
    }

    /// Whether the expression matches somewhere in the text.
    pub fn is_match(&mut self, text: &[u8]) -> bool {
        match &mut self.matcher {
            Matcher::Automaton(automaton) => automaton.is_match(text),
            Matcher::Search(search) => search.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests;
