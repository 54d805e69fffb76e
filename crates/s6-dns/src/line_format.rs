//! How the filters print a line: a format with placeholders.
//!
//! | in the format | what is printed |
//! |---|---|
//! | `%s` | the word that was looked up |
//! | `%d` | what was found for it |
//! | `%e` | the error of the look-up |
//! | `%w` | the character after the word, if there is one |
//! | `%r` | the rest of the line |
//! | `%%` | `%` |

/// A validated format.
#[derive(Debug, Clone)]
pub(crate) struct LineFormat {
    text: Vec<u8>,
}

/// The values of the placeholders.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Values<'a> {
    /// The word that was looked up; empty if the line has none.
    pub(crate) word: &'a [u8],
    /// What was found.
    pub(crate) found: &'a [u8],
    /// The error of the look-up.
    pub(crate) error: &'a [u8],
    /// The rest of the line, including the character after the word.
    pub(crate) rest: &'a [u8],
}

impl LineFormat {
    /// Checks a format; `None` if it has an unknown placeholder.
    #[must_use]
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let mut rest = text;
        while let Some(at) = rest.iter().position(|b| *b == b'%') {
            if !b"sdewr%".contains(rest.get(at + 1)?) {
                return None;
            }
            rest = rest.get(at + 2..)?;
        }
        Some(Self { text: text.to_vec() })
    }

    /// The line, with a newline at its end.
    #[must_use]
    pub(crate) fn line(&self, values: Values<'_>) -> Vec<u8> {
        let (separator, remainder) =
            values.rest.split_at(usize::from(!values.word.is_empty()).min(values.rest.len()));
        let mut line = Vec::new();
        let mut rest = self.text.as_slice();
        while let Some((byte, tail)) = rest.split_first() {
            rest = tail;
            match (byte, tail.split_first()) {
                (b'%', Some((place, tail))) => {
                    rest = tail;
                    line.extend_from_slice(match place {
                        b's' => values.word,
                        b'd' => values.found,
                        b'e' => values.error,
                        b'w' => separator,
                        b'r' => remainder,
                        _ => b"%",
                    });
                }
                _ => line.push(*byte),
            }
        }
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let values = Values { word: b"a.b", found: b"10.0.0.1", error: b"", rest: b"\tx y" };
        let line = |format: &str, values| {
            String::from_utf8(LineFormat::new(format.as_bytes()).unwrap().line(values)).unwrap()
        };
        assert_eq!(line("%s=%d%w%r", values), "a.b=10.0.0.1\tx y\n");
        assert_eq!(line("%%<%s>%e!%w%r", Values { rest: b"", ..values }), "%<a.b>!\n");
    }

    #[test]
    fn a_line_without_a_word_is_all_rest() {
        let format = LineFormat::new(b"%s=%d%w%r").unwrap();
        assert_eq!(format.line(Values { rest: b" no word", ..Values::default() }), b"= no word\n");
    }

    #[test]
    fn unknown_places() {
        for bad in ["%", "a%", "%x", "%%%", "%s%q"] {
            assert!(LineFormat::new(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
