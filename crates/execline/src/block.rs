//! Blocks in a command line: words with a space in front, up to an empty word.

/// A block that was taken off a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its words, one space taken off each.
    pub words: Vec<Vec<u8>>,
    /// The indexes of words that had no space in front: by hand one may leave it out, but then a substitution
    /// that gives an empty word ends the block.
    pub unquoted: Vec<usize>,
}

/// Takes the block at the front of `args`, which keeps what follows it; `None`, and `args` as it was, if no empty
/// word ends it.
#[must_use]
pub fn take(args: &mut Vec<Vec<u8>>) -> Option<Block> {
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
    fn one_space_goes() {
        let mut a = args(&[" a", "  b", " ", "", "c"]);
        let block = take(&mut a).unwrap();
        assert_eq!(block.words, args(&["a", " b", ""]));
        assert_eq!(a, args(&["c"]));
    }

    #[test]
    fn unquoted_words_are_noted() {
        let mut a = args(&["a", " b", "c", ""]);
        assert_eq!(take(&mut a).unwrap().unquoted, [0, 2]);
        assert!(a.is_empty());
    }

    #[test]
    fn a_block_needs_its_end() {
        let mut a = args(&[" a", " b"]);
        assert_eq!(take(&mut a), None);
        assert_eq!(a, args(&[" a", " b"]));
    }
}
