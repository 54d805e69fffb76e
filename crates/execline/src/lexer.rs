//! Splits the text of a script into words and braces.
//!
//! The rules, from the execlineb page:
//! - space, tab, newline and carriage return separate words;
//! - `#` at the start of a word begins a comment, which ends with the line;
//! - a backslash makes the next character literal; before a newline at the start of a word, or at the end of the
//!   script, it is dropped;
//! - inside double quotes, `\a \b \t \n \v \f \r` stand for bytes 7 to 13; `\0xHH` (one or two digits), `\0OOO` and
//!   `\DDD` (one to three digits, the first decimal one not zero) stand for the byte of that value, 1 to 255; a
//!   backslash and a newline stand for nothing;
//! - a word that is a single unquoted `{` or `}` is a brace; everything else forms words, `""` the empty one.

use crate::syntax_error::{Fault, Position, SyntaxError};

/// A word or a brace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A word, its escapes and quotes resolved.
    Word(Vec<u8>),
    /// An unquoted `{` on its own.
    Open,
    /// An unquoted `}` on its own.
    Close,
}

/// A piece and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The piece.
    pub(crate) piece: Piece,
    /// The position of its first character.
    pub(crate) at: Position,
}

/// Splits a script into tokens; ends after the first error.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    rest: &'a [u8],
    at: Position,
    failed: bool,
}

/// A word being read.
#[derive(Default)]
struct PartialWord {
    text: Vec<u8>,
    /// Whether it contains a quote or a backslash, so that it can't be a brace.
    quoted: bool,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of `script`.
    #[must_use]
    pub(crate) fn new(script: &'a [u8]) -> Self {
        Self { rest: script, at: Position::START, failed: false }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.at = if *first == b'\n' { self.at.next_line() } else { self.at.next_column() };
        Some(*first)
    }

    fn skip_blanks_and_comments(&mut self) {
        while let Some(b) = self.peek() {
            match b {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b'#' => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        self.bump();
                    }
                    continue;
                }
                b'\\' if matches!(self.rest.get(1), None | Some(b'\n')) => {
                    self.bump();
                }
                _ => return,
            }
            self.bump();
        }
    }

    fn word(&mut self) -> Result<Piece, SyntaxError> {
        let mut word = PartialWord::default();
        while let Some(b) = self.peek() {
            let at = self.at;
            match b {
                b' ' | b'\t' | b'\r' | b'\n' => break,
                0 => return Err(SyntaxError { fault: Fault::Nul, at }),
                b'"' => {
                    self.bump();
                    word.quoted = true;
                    self.quoted(at, &mut word.text)?;
                }
                b'\\' => {
                    self.bump();
                    match self.peek() {
                        None => break,
                        Some(0) => return Err(SyntaxError { fault: Fault::Nul, at: self.at }),
                        Some(escaped) => word.text.push(escaped),
                    }
                    word.quoted = true;
                    self.bump();
                }
                _ => {
                    word.text.push(b);
                    self.bump();
                }
            }
        }
        Ok(match word.text.as_slice() {
            b"{" if !word.quoted => Piece::Open,
            b"}" if !word.quoted => Piece::Close,
            _ => Piece::Word(word.text),
        })
    }

    /// Reads through the closing quote; `opened` is where the string began.
    fn quoted(&mut self, opened: Position, text: &mut Vec<u8>) -> Result<(), SyntaxError> {
        let unterminated = SyntaxError { fault: Fault::UnterminatedQuote, at: opened };
        loop {
            let at = self.at;
            match self.bump().ok_or(unterminated)? {
                b'"' => return Ok(()),
                0 => return Err(SyntaxError { fault: Fault::Nul, at }),
                b'\\' => {
                    if self.peek().is_none() {
                        return Err(unterminated);
                    }
                    self.escape(at, text)?;
                }
                b => text.push(b),
            }
        }
    }

    /// Reads what follows a backslash at `at` inside quotes.
    fn escape(&mut self, at: Position, text: &mut Vec<u8>) -> Result<(), SyntaxError> {
        let Some(b) = self.peek() else { return Ok(()) };
        let number = match b {
            b'0' => {
                self.bump();
                if self.peek() == Some(b'x') {
                    self.bump();
                    self.number(16, 2)
                } else {
                    self.number(8, 3)
                }
            }
            b'1'..=b'9' => self.number(10, 3),
            _ => {
                self.bump();
                match b {
                    0 => return Err(SyntaxError { fault: Fault::Nul, at: at.next_column() }),
                    b'\n' => {}
                    b'a' => text.push(7),
                    b'b' => text.push(8),
                    b't' => text.push(9),
                    b'n' => text.push(10),
                    b'v' => text.push(11),
                    b'f' => text.push(12),
                    b'r' => text.push(13),
                    b => text.push(b),
                }
                return Ok(());
            }
        };
        match number.map(u8::try_from) {
            None => Err(SyntaxError { fault: Fault::EscapeDigits, at }),
            Some(Ok(byte)) if byte != 0 => {
                text.push(byte);
                Ok(())
            }
            Some(_) => Err(SyntaxError { fault: Fault::EscapeRange, at }),
        }
    }

    /// Reads up to `max_digits` digits; `None` if there is none.
    fn number(&mut self, base: u32, max_digits: u32) -> Option<u32> {
        let mut value = None;
        for _ in 0..max_digits {
            let Some(digit) = self.peek().and_then(|b| char::from(b).to_digit(base)) else { break };
            value = Some(value.unwrap_or(0) * base + digit);
            self.bump();
        }
        value
    }
}

impl Iterator for Lexer<'_> {
    type Item = Result<Token, SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        self.skip_blanks_and_comments();
        self.peek()?;
        let at = self.at;
        let piece = self.word();
        self.failed = piece.is_err();
        Some(piece.map(|piece| Token { piece, at }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(script: &str) -> Result<Vec<String>, SyntaxError> {
        Lexer::new(script.as_bytes())
            .map(|t| {
                t.map(|t| match t.piece {
                    Piece::Word(w) => String::from_utf8(w).unwrap(),
                    Piece::Open => "OPEN".into(),
                    Piece::Close => "CLOSE".into(),
                })
            })
            .collect()
    }

    fn words(script: &str) -> Vec<String> {
        lex(script).unwrap()
    }

    fn fault(script: &str) -> (Fault, u32, u32) {
        let e = lex(script).unwrap_err();
        (e.fault, e.at.line, e.at.column)
    }

    #[test]
    fn words_and_quotes() {
        assert_eq!(words("a \"b  c\"\t\"\"\r\n d\"e f\"g"), ["a", "b  c", "", "de fg"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn comments_begin_at_words_only() {
        assert_eq!(words("a # b { \"\n c#d \"# e\" \\# x#"), ["a", "c#d", "# e", "#", "x#"]);
    }

    #[test]
    fn braces_stand_alone() {
        assert_eq!(words("{ }"), ["OPEN", "CLOSE"]);
        assert_eq!(words("{a } b} \"{\" \\} {\"\" {}"), ["{a", "CLOSE", "b}", "{", "}", "{", "{}"]);
    }

    #[test]
    fn escapes_in_quotes() {
        assert_eq!(words(r#""\a\b\t\n\v\f\r""#), ["\x07\x08\t\n\x0b\x0c\r"]);
        assert_eq!(words(r#""\0x41\0x4g\0x7" "\0101\01018" "\65\065x\9""#), ["A\x04g\x07", "AA8", "A5x\t"]);
        assert_eq!(words("\"a\\\nb\\\"c\\d\\\\\""), ["ab\"cd\\"]);
    }

    #[test]
    fn escapes_outside_quotes() {
        assert_eq!(words(r"a\ b \n\t \\ c\"), ["a b", "nt", "\\", "c"]);
        assert_eq!(words("a \\\n  b\\\nc \\\n\\\nd \\"), ["a", "b\nc", "d"]);
    }

    #[test]
    fn a_fault_has_the_position_of_its_cause() {
        assert_eq!(fault("a\n  b \"c"), (Fault::UnterminatedQuote, 2, 5));
        assert_eq!(fault("\"c\\"), (Fault::UnterminatedQuote, 1, 1));
        assert_eq!(fault("\"c\\12"), (Fault::UnterminatedQuote, 1, 1));
        assert_eq!(fault("\"ab\\0\""), (Fault::EscapeDigits, 1, 4));
        assert_eq!(fault("\"\\0x\""), (Fault::EscapeDigits, 1, 2));
        for zero in [r"\0x0", r"\0x00", r"\000", r"\256", r"\0400", r"\999"] {
            assert_eq!(fault(&format!("\"{zero}\"")), (Fault::EscapeRange, 1, 2), "{zero}");
        }
        assert_eq!(fault("a\0"), (Fault::Nul, 1, 2));
        assert_eq!(fault("\"\\\0\""), (Fault::Nul, 1, 3));
    }
}
