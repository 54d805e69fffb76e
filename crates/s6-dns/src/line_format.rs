//! How the filters print a line: a format with places for what is known about it.
//!
//! | in the format | what is printed |
//! |---|---|
//! | `%s` | the word that was looked up |
//! | `%d` | what was found for it |
//! | `%e` | why nothing was found |
//! | `%w` | the character behind the word, if there is one |
//! | `%r` | the rest of the line |
//! | `%%` | `%` |

/// A format, checked.
#[derive(Debug, Clone)]
pub struct LineFormat {
    text: Vec<u8>,
}

/// What is known about a line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The word that was looked up; empty if the line has none.
    pub word: &'a [u8],
    /// What was found.
    pub found: &'a [u8],
    /// Why nothing was found.
    pub why: &'a [u8],
    /// The rest of the line, the character behind the word included.
    pub rest: &'a [u8],
}

impl LineFormat {
    /// `None` if a `%` is followed by nothing that is known.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
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
    pub fn line(&self, known: Known<'_>) -> Vec<u8> {
        let (behind, after) = known.rest.split_at(usize::from(!known.word.is_empty()).min(known.rest.len()));
        let mut line = Vec::new();
        let mut rest = self.text.as_slice();
        while let Some((byte, tail)) = rest.split_first() {
            rest = tail;
            match (byte, tail.split_first()) {
                (b'%', Some((place, tail))) => {
                    rest = tail;
                    line.extend_from_slice(match place {
                        b's' => known.word,
                        b'd' => known.found,
                        b'e' => known.why,
                        b'w' => behind,
                        b'r' => after,
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
        let known = Known { word: b"a.b", found: b"10.0.0.1", why: b"", rest: b"\tx y" };
        let line = |format: &str, known| {
            String::from_utf8(LineFormat::new(format.as_bytes()).unwrap().line(known)).unwrap()
        };
        assert_eq!(line("%s=%d%w%r", known), "a.b=10.0.0.1\tx y\n");
        assert_eq!(line("%%<%s>%e!%w%r", Known { rest: b"", ..known }), "%<a.b>!\n");
    }

    #[test]
    fn a_line_without_a_word_is_all_rest() {
        let format = LineFormat::new(b"%s=%d%w%r").unwrap();
        assert_eq!(format.line(Known { rest: b" no word", ..Known::default() }), b"= no word\n");
    }

    #[test]
    fn unknown_places() {
        for bad in ["%", "a%", "%x", "%%%", "%s%q"] {
            assert!(LineFormat::new(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
