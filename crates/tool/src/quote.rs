//! Words as an execline script has to write them.

/// A word in quotes.
#[must_use]
pub fn quote(word: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in word {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', *byte]),
            b'\n' => quoted.extend(b"\\n"),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_execline() {
        assert_eq!(quote(b"a \"b\"\\\n"), b"\"a \\\"b\\\"\\\\\\n\"");
    }
}
