//! A compiled expression: its tree, the filter before it, and what matches.

use crate::automaton::Automaton;
use crate::filter::Filter;
use crate::parse::{Node, parse};
use crate::search::Search;
use crate::{Syntax, groups, program};
use std::ops::Range;

/// A compiled regular expression.
#[derive(Debug)]
pub struct Regex {
    pub(crate) tree: Node,
    filter: Option<Filter>,
    pub(crate) matcher: Matcher,
}

/// What finds a match.
#[derive(Debug)]
pub(crate) enum Matcher {
    Automaton(Box<Automaton>),
    Search(Search),
}

impl Regex {
    /// Compiles an extended regular expression.
    ///
    /// # Errors
    /// What is wrong with the expression, or that it is too big.
    pub fn extended(pattern: &[u8]) -> Result<Self, String> {
        Self::new(pattern, Syntax::Extended, false)
    }

    /// Compiles an extended regular expression that ignores the case of ASCII letters.
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

    /// Compiles a basic regular expression that ignores the case of ASCII letters.
    ///
    /// # Errors
    /// As [`Regex::extended`].
    pub fn basic_ignoring_case(pattern: &[u8]) -> Result<Self, String> {
        Self::new(pattern, Syntax::Basic, true)
    }

    /// Compiles an expression; the case of ASCII letters may be ignored.
    ///
    /// # Errors
    /// What is wrong with the expression, or that it is too big.
    pub fn new(pattern: &[u8], syntax: Syntax, ignore_case: bool) -> Result<Self, String> {
        Self::of_tree(parse(pattern, syntax, ignore_case)?, ignore_case)
    }

    pub(crate) fn of_tree(tree: Node, ignore_case: bool) -> Result<Self, String> {
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

    /// The spans of the whole match and of each group in it, by the rule of POSIX: leftmost, then longest.  A group that
    /// takes no part has an empty span.  With back-references the first match that is found counts.
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
