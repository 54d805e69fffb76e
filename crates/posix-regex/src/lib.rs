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
mod search;

pub use any_of::AnyOf;
pub(crate) use parse::{Set, shell_bracket};

use automaton::Automaton;
use filter::Filter;
use search::Search;
use std::ops::Range;

/// A compiled regular expression.
#[derive(Debug)]
pub struct Regex {
    tree: parse::Node,
    filter: Option<Filter>,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    Automaton(Box<Automaton>),
    Search(Search),
}

/// Which of POSIX's two syntaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Operators are escaped: `\(a\)\{2\}`.
    Basic,
    /// Operators are bare: `(a){2}`.
    Extended,
}

impl Regex {
    /// Compiles an extended regular expression.
    ///
    /// # Errors
    /// What is wrong with the expression, or that it is too big.
    pub fn extended(pattern: &[u8]) -> Result<Self, String> {
        Self::new(pattern, Syntax::Extended, false)
    }

    /// Compiles an extended regular expression that takes letters of ASCII in both cases for the same.
    ///
    /// # Errors
    /// As [`Regex::extended`].
    pub fn extended_ignoring_case(pattern: &[u8]) -> Result<Self, String> {
        Self::new(pattern, Syntax::Extended, true)
    }

    /// Compiles a basic regular expression.
    ///
    /// # Errors
    /// As [`Regex::extended`].
    pub fn basic(pattern: &[u8]) -> Result<Self, String> {
        Self::new(pattern, Syntax::Basic, false)
    }

    /// Compiles a basic regular expression that takes letters of ASCII in both cases for the same.
    ///
    /// # Errors
    /// As [`Regex::extended`].
    pub fn basic_ignoring_case(pattern: &[u8]) -> Result<Self, String> {
        Self::new(pattern, Syntax::Basic, true)
    }

    /// Compiles an expression; letters of ASCII in both cases may be the same.
    ///
    /// # Errors
    /// What is wrong with the expression, or that it is too big.
    pub fn new(pattern: &[u8], syntax: Syntax, ignore_case: bool) -> Result<Self, String> {
        Self::of_tree(parse::parse(pattern, syntax, ignore_case)?, ignore_case)
    }

    fn of_tree(tree: parse::Node, ignore_case: bool) -> Result<Self, String> {
        let matcher = if tree.has_back_references() {
            Matcher::Search(Search::new(program::compile_with_slots(&tree)?, ignore_case))
        } else {
            Matcher::Automaton(Box::new(Automaton::new(program::compile(&tree)?)))
        };
        Ok(Self { filter: Filter::new(&tree), tree, matcher })
    }

    /// Whether the expression matches somewhere in the text.
    pub fn is_match(&mut self, text: &[u8]) -> bool {
        if self.filter.as_ref().is_some_and(|filter| !filter.passes(text)) {
            return false;
        }
        match &mut self.matcher {
            Matcher::Automaton(automaton) => automaton.is_match(text),
            Matcher::Search(search) => search.find(text).is_some(),
        }
    }

    /// The spans of the whole match and of each group in it, as POSIX wants them: leftmost, then longest.  A
    /// group that takes no part has an empty span.  With back-references the first match that is found counts.
    ///
    /// Takes time linear in the text, or in the text and the number of repetitions of a group.
    pub fn find(&mut self, text: &[u8]) -> Option<Vec<Range<usize>>> {
        if self.filter.as_ref().is_some_and(|filter| !filter.passes(text)) {
            return None;
        }
        match &mut self.matcher {
            Matcher::Automaton(automaton) => {
                let found = automaton.is_match(text).then(|| groups::find(&self.tree, text));
                found.and_then(Result::ok).flatten()
            }
            Matcher::Search(search) => {
                let slots = search.find(text)?;
                Some(slots.as_chunks().0.iter().take(self.tree.groups() + 1).map(|[a, b]| *a..*b).collect())
            }
        }
    }
}

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;
