//! Substitution of `$key` and `${key}` in a command line.
//!
//! - `${key}` matches anywhere; `$key` extends to the next backslash, dollar, brace or the end of the word.
//! - Backslashes before a match are halved; if their number is odd, the match is kept unsubstituted.  Where no key
//!   matches, nothing changes.
//! - A word with matches becomes one word for each combination of their values, the first match varying slowest; a
//!   key without values removes the word.
//! - Values are not substituted again, and what precedes a match is kept, so a value can't escape its block.

use crate::syntax::MAX_SIZE;
use tool::sorted::Map;

/// Keys and their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Substitutions {
    keys: Map<Vec<u8>, Vec<Vec<u8>>>,
}

/// A key that can't be added: it is empty or was added before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadKey;

/// The result would exceed [`MAX_SIZE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooBig;

/// A part of a word.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(Vec<u8>),
    Values(&'a [Vec<u8>]),
}

impl Substitutions {
    /// Starts without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key; all keys are substituted simultaneously.
    ///
    /// # Errors
    /// The key is empty or was added before.
    pub fn add(&mut self, key: &[u8], values: Vec<Vec<u8>>) -> Result<(), BadKey> {
        if key.is_empty() || self.values(key).is_some() {
            return Err(BadKey);
        }
        self.keys.set(key.to_vec(), values);
        Ok(())
    }

    fn values(&self, key: &[u8]) -> Option<&[Vec<u8>]> {
        self.keys.get(key).map(Vec::as_slice)
    }

    /// Returns the words with all matches replaced.
    ///
    /// # Errors
    /// The result exceeds [`MAX_SIZE`] bytes.
    pub fn apply(&self, words: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, TooBig> {
        let mut out = Vec::with_capacity(words.len());
        let mut size = 0;
        for word in words {
            if word.contains(&b'$') {
                self.expand(&self.parts(&word), &mut size, &mut out)?;
            } else {
                grow(&mut size, word.len())?;
                out.push(word);
            }
        }
        Ok(out)
    }

    fn parts<'a>(&'a self, word: &[u8]) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        let mut text = Vec::new();
        let mut at = 0;
        while let Some(rest) = word.get(at..).filter(|r| !r.is_empty()) {
            let slashes = rest.iter().take_while(|b| **b == b'\\').count();
            let reference = rest.get(slashes..).unwrap_or_default();
            let Some((values, length)) = self.reference(reference) else {
                // The backslashes and the byte after them are kept.
                let length = (slashes + 1).min(rest.len());
                text.extend_from_slice(rest.get(..length).unwrap_or_default());
                at += length;
                continue;
            };
            text.resize(text.len() + slashes / 2, b'\\');
            if slashes.is_multiple_of(2) {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Values(values));
            } else {
                text.extend_from_slice(reference.get(..length).unwrap_or_default());
            }
            at += slashes + length;
        }
        parts.push(Part::Text(text));
        parts
    }

    /// The values of the reference at the start of `text`, and the length of the reference.
    fn reference(&self, text: &[u8]) -> Option<(&[Vec<u8>], usize)> {
        let after = text.strip_prefix(b"$")?;
        let (name, braces) = match after.strip_prefix(b"{") {
            Some(inner) => (inner, 2),
            None => (after, 0),
        };
        let end = name.iter().position(|b| matches!(b, b'\\' | b'$' | b'{' | b'}')).unwrap_or(name.len());
        if braces > 0 && name.get(end) != Some(&b'}') {
            return None;
        }
        let values = self.values(name.get(..end)?)?;
        Some((values, 1 + braces + end))
    }

    fn expand(&self, parts: &[Part<'_>], size: &mut usize, out: &mut Vec<Vec<u8>>) -> Result<(), TooBig> {
        if parts.iter().any(|p| matches!(p, Part::Values([]))) {
            return Ok(());
        }
        // Counts through the combinations like an odometer: the last digit varies fastest.
        let mut digits = vec![0usize; parts.len()];
        loop {
            let mut word = Vec::new();
            for (part, digit) in parts.iter().zip(&digits) {
                match part {
                    Part::Text(t) => word.extend_from_slice(t),
                    Part::Values(v) => word.extend_from_slice(v.get(*digit).map_or(&[], Vec::as_slice)),
                }
            }
            grow(size, word.len())?;
            out.push(word);
            let mut carried = true;
            for (part, digit) in parts.iter().zip(&mut digits).rev() {
                let count = if let Part::Values(v) = part { v.len() } else { 1 };
                *digit += 1;
                if *digit < count {
                    carried = false;
                    break;
                }
                *digit = 0;
            }
            if carried {
                return Ok(());
            }
        }
    }
}

fn grow(size: &mut usize, word: usize) -> Result<(), TooBig> {
    *size = size.saturating_add(word).saturating_add(1);
    if *size > MAX_SIZE { Err(TooBig) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|w| w.as_bytes().to_vec()).collect()
    }

    fn subst(keys: &[(&str, &[&str])], word: &str) -> Vec<String> {
        let mut s = Substitutions::new();
        for (k, v) in keys {
            s.add(k.as_bytes(), bytes(v)).unwrap();
        }
        s.apply(bytes(&[word])).unwrap().into_iter().map(|w| String::from_utf8(w).unwrap()).collect()
    }

    fn one(word: &str) -> String {
        subst(&[("A", &["val"]), ("foo", &["$A"])], word).join("|")
    }

    #[test]
    fn where_a_key_matches() {
        assert_eq!(one("$A ${A} x${A}y"), "$A val xvaly", "`$A ` is another key");
        assert_eq!(one("$A"), "val");
        assert_eq!(one("$AB${AB}"), "$AB${AB}");
        assert_eq!(one("x$A"), "xval");
        assert_eq!(one("$A$A"), "valval");
        assert_eq!(one("$A{B}$A}"), "val{B}val}");
        assert_eq!(one("$A\\"), "val\\");
        assert_eq!(one("$$A${}${A"), "$val${}${A");
        assert_eq!(one("${$A}${A{}"), "${val}${A{}");
    }

    #[test]
    fn backslashes_halve_before_a_match_only() {
        let pairs = [("\\", "$A"), ("\\\\", "\\val"), ("\\\\\\", "\\$A"), ("\\\\\\\\", "\\\\val")];
        for (slashes, expected) in pairs {
            assert_eq!(one(&format!("{slashes}$A")), expected);
            assert_eq!(one(&format!("{slashes}$B")), format!("{slashes}$B"));
        }
        assert_eq!(one("\\${A}x\\y${A}"), "${A}x\\yval");
        assert_eq!(one("$A\\$A"), "val$A");
        assert_eq!(one("\\$$A"), "\\$val");
    }

    #[test]
    fn values_are_not_substituted_again() {
        assert_eq!(one("${foo}"), "$A");
    }

    #[test]
    fn split_values_multiply_from_the_left() {
        let keys: &[(&str, &[&str])] = &[("B", &["1", "2"]), ("A", &["a", "b"]), ("N", &[])];
        assert_eq!(subst(keys, "${A}x${B}"), ["ax1", "ax2", "bx1", "bx2"]);
        assert_eq!(subst(keys, "${B}${B}"), ["11", "12", "21", "22"]);
        assert_eq!(subst(keys, "  p${A}"), ["  pa", "  pb"]);
        assert_eq!(subst(keys, "a${A}${N}"), [""; 0]);
        assert_eq!(subst(keys, "\\${N}"), ["${N}"]);
    }

    #[test]
    fn keys_are_unique_and_not_empty() {
        let mut s = Substitutions::new();
        assert_eq!(s.add(b"", Vec::new()), Err(BadKey));
        assert_eq!(s.add(b"a", Vec::new()), Ok(()));
        assert_eq!(s.add(b"a", Vec::new()), Err(BadKey));
    }

    #[test]
    fn growth_is_bounded() {
        let mut s = Substitutions::new();
        s.add(b"B", bytes(&["1", "2", "3"])).unwrap();
        assert_eq!(s.apply(bytes(&[&"${B}".repeat(40)])), Err(TooBig));
    }

    proptest! {
        #[test]
        fn without_keys_nothing_changes(word in "[\\\\${}A x]{0,20}") {
            let words = vec![word.into_bytes()];
            prop_assert_eq!(Substitutions::new().apply(words.clone()).unwrap(), words, "without keys nothing changes");
        }

        #[test]
        fn leading_spaces_are_kept(word in " {0,3}[\\\\${}A]{0,12}", value in "[ $A{}]{0,4}") {
            let mut s = Substitutions::new();
            s.add(b"A", bytes(&[&value])).unwrap();
            let spaces = word.bytes().take_while(|b| *b == b' ').count();
            let out = s.apply(vec![word.into_bytes()]).unwrap();
            prop_assert_eq!(out.len(), 1, "one value makes one word");
            prop_assert!(out[0].iter().take_while(|b| **b == b' ').count() >= spaces, "a word stays in its block: none of its leading spaces is lost");
        }
    }
}
