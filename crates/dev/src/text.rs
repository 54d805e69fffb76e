//! Bytes in bytes.  There is no empty text to look for: it is nowhere.

use memchr::memmem;

/// Where a part begins for the first time.
pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    memmem::find(text, part).filter(|_| !part.is_empty())
}

/// Where it begins for the last time.
pub(crate) fn rfind(text: &[u8], part: &[u8]) -> Option<usize> {
    memmem::rfind(text, part).filter(|_| !part.is_empty())
}

/// Whether it is there.
pub(crate) fn has(text: &[u8], part: &[u8]) -> bool {
    find(text, part).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_place_of_a_part() {
        assert_eq!((find(b"abcab", b"ab"), rfind(b"abcab", b"ab")), (Some(0), Some(3)));
        assert!(has(b"abc", b"abc") && !has(b"ab", b"abc"));
        for part in [&b""[..], b"x"] {
            assert_eq!((find(b"abc", part), rfind(b"abc", part), has(b"abc", part)), (None, None, false));
        }
    }
}
