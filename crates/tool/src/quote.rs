//! Quoting words for execline scripts.

/// A word in quotes.
#[must_use]
pub fn quote(word: &[u8]) -> Vec<u8> {
    wire::quoting::quote(word, b"\"", true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_execline() {
        assert_eq!(quote(b"a \"b\"\\\n"), b"\"a \\\"b\\\"\\\\\\n\"");
    }
}
