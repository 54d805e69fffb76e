//! Several expressions, of which one has to match.

use crate::parse::Node;
use crate::regex::{Matcher, Regex};

/// Several expressions that are searched together.
#[derive(Debug)]
pub struct AnyOf {
    /// All of them as one expression; `None` if that has too many states.
    joined: Option<Regex>,
    parts: Vec<Regex>,
}

impl AnyOf {
    /// Joins the expressions.
    pub fn new(parts: Vec<Regex>) -> Self {
        let joined = (parts.len() > 1 && !parts.iter().any(|p| p.tree.has_back_references())).then(|| {
            Regex::of_tree(Node::Either(parts.iter().map(|p| p.tree.clone()).collect()), false).ok()
        });
        Self { joined: joined.flatten(), parts }
    }

    /// Whether one of the expressions matches somewhere in the text.
    pub fn is_match(&mut self, text: &[u8]) -> bool {
        let Some(joined) = &mut self.joined else { return self.parts.iter_mut().any(|p| p.is_match(text)) };
        let matched = joined.is_match(text);
        // The states of joined expressions may be the product of their states.
        if matches!(&joined.matcher, Matcher::Automaton(a) if a.has_dropped_states()) {
            self.joined = None;
        }
        matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_with_too_many_states_together_are_searched_one_by_one() {
        let expressions: Vec<String> =
            (b'a'..=b'p').map(|b| format!("{0}.{{6}}[^a-p]", char::from(b))).collect();
        let compile = || expressions.iter().map(|e| Regex::extended(e.as_bytes()).unwrap()).collect();
        let mut any = AnyOf::new(compile());
        assert!(any.joined.is_some());
        let mut random = 1_u32;
        let mut next = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (random >> 28) as u8
        };
        let text: Vec<u8> = (0..50_000).map(|_| next()).collect();
        assert!(!any.is_match(&text));
        assert!(any.joined.is_none());
        assert!(!any.is_match(&text));
        assert!(any.is_match(&[&text[..], b"a123456x"].concat()));
        assert!(!AnyOf::new(Vec::new()).is_match(b""));
    }
}
