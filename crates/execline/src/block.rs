//! Blocks in a command line: words prefixed with a space, ended by an empty word.

/// A block taken from a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The words, one leading space removed from each.
    pub(crate) words: Vec<Vec<u8>>,
    /// The indexes of words that had no leading space.  Blocks written by hand may omit it, but then a substitution
    /// that yields an empty word ends the block.
    pub(crate) unquoted: Vec<usize>,
}

/// Takes the block at the front of `args`, leaving what follows it; `None`, with `args` unchanged, if no empty word
/// ends it.
#[must_use]
pub(crate) fn take(args: &mut Vec<Vec<u8>>) -> Option<Block> {
    let end = args.iter().position(Vec::is_empty)?;
    let mut words: Vec<_> = args.drain(..=end).collect();
    words.pop();
    let mut unquoted = Vec::new();
    for (i, word) in words.iter_mut().enumerate() {
        if word.first() == Some(&b' ') {
            word.remove(0);
        } else {
            unquoted.push(i);
        }
    }
    Some(Block { words, unquoted })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|w| w.as_bytes().to_vec()).collect()
    }

    #[test]
    fn one_leading_space_is_removed() {
        let mut a = args(&[" a", "  b", " ", "", "c"]);
        let block = take(&mut a).unwrap();
        assert_eq!(block.words, args(&["a", " b", ""]));
        assert_eq!(a, args(&["c"]));
    }

    #[test]
    fn unquoted_words_are_recorded() {
        let mut a = args(&["a", " b", "c", ""]);
        assert_eq!(take(&mut a).unwrap().unquoted, [0, 2]);
        assert!(a.is_empty());
    }

    #[test]
    fn a_block_without_an_end_is_left_alone() {
        let mut a = args(&[" a", " b"]);
        assert_eq!(take(&mut a), None);
        assert_eq!(a, args(&[" a", " b"]));
    }
}
