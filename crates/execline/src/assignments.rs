//! The files of assignments that envfile reads.
//!
//! - A line is `key = value`; blanks around key and value are ignored, and so are empty lines and lines whose first
//!   character is `#`.
//! - In a value, double quotes preserve blanks, and C escapes work inside them: `\a \b \f \n \r \t \v`, `\xHH`, one to
//!   three octal digits; a backslash before any other character stands for that character.
//! - A backslash at the end of a line joins the next line.  Otherwise, outside quotes, a backslash may only precede a
//!   blank, a backslash or a quote.

/// The number of a line that is not an assignment, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadLine(pub(crate) u32);

/// Keys and values, in the order of the file.
pub(crate) type Assignments = Vec<(Vec<u8>, Vec<u8>)>;

struct Reader<'a> {
    rest: &'a [u8],
    line: u32,
}

/// Parses a whole file.
pub(crate) fn parse(text: &[u8]) -> Result<Assignments, BadLine> {
    let mut reader = Reader { rest: text, line: 1 };
    let mut all = Vec::new();
    while reader.next_line()? {
        let key = reader.key()?;
        all.push((key, reader.value()?));
    }
    Ok(all)
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | 0x0c)
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let (b, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.line += u32::from(*b == b'\n');
        Some(*b)
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.bump();
        }
    }

    /// Skips to the key of the next assignment; false at the end.
    fn next_line(&mut self) -> Result<bool, BadLine> {
        loop {
            self.skip_blanks();
            match self.peek() {
                None => return Ok(false),
                Some(b'\n') => {
                    self.bump();
                }
                Some(b'#') => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        self.bump();
                    }
                }
                Some(_) => return Ok(true),
            }
        }
    }

    /// Reads the key and the equals sign.
    fn key(&mut self) -> Result<Vec<u8>, BadLine> {
        let mut key = Vec::new();
        while let Some(b) = self.peek().filter(|b| !is_blank(*b) && *b != b'=') {
            if matches!(b, b'\n' | b'\\' | b'"' | b'\'' | b'?' | 0) {
                return Err(BadLine(self.line));
            }
            key.push(b);
            self.bump();
        }
        self.skip_blanks();
        if key.is_empty() || self.peek() != Some(b'=') {
            return Err(BadLine(self.line));
        }
        self.bump();
        Ok(key)
    }

    /// Reads the value and the end of the line.
    fn value(&mut self) -> Result<Vec<u8>, BadLine> {
        self.skip_blanks();
        let mut value = Vec::new();
        // Bytes after this index are unquoted blanks: they are dropped if the line ends here.
        let mut significant = 0;
        loop {
            let line = self.line;
            match self.bump() {
                None | Some(b'\n') => {
                    value.truncate(significant);
                    return Ok(value);
                }
                Some(0) => return Err(BadLine(line)),
                Some(b) if is_blank(b) => {
                    value.push(b);
                    continue;
                }
                Some(b'"') => self.quoted(&mut value)?,
                Some(b'\\') => match self.bump() {
                    Some(b'\n') => {}
                    Some(b) if is_blank(b) || matches!(b, b'\\' | b'"') => value.push(b),
                    _ => return Err(BadLine(line)),
                },
                Some(b) => value.push(b),
            }
            significant = value.len();
        }
    }

    /// Reads up to the closing quote.
    fn quoted(&mut self, value: &mut Vec<u8>) -> Result<(), BadLine> {
        loop {
            let bad = BadLine(self.line);
            match self.bump() {
                None | Some(b'\n' | 0) => return Err(bad),
                Some(b'"') => return Ok(()),
                Some(b'\\') => self.escape(value).ok_or(bad)?,
                Some(b) => value.push(b),
            }
        }
    }

    /// Reads what follows a backslash inside quotes; `None` if it isn't an escape.
    fn escape(&mut self, value: &mut Vec<u8>) -> Option<()> {
        let b = self.bump()?;
        let byte = match b {
            b'\n' => return Some(()),
            b'a' => 7,
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'v' => 11,
            b'f' => 12,
            b'r' => 13,
            b'x' => self.digit(16)? * 16 + self.digit(16)?,
            b'0'..=b'7' => {
                let mut n = u32::from(b - b'0');
                for _ in 0..2 {
                    n = self.digit(8).map_or(n, |d| n * 8 + d);
                }
                n
            }
            b => u32::from(b),
        };
        value.push(u8::try_from(byte).ok().filter(|b| *b != 0)?);
        Some(())
    }

    fn digit(&mut self, base: u32) -> Option<u32> {
        let digit = char::from(self.peek()?).to_digit(base)?;
        self.bump();
        Some(digit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<String> {
        let all = parse(text.as_bytes()).unwrap();
        all.iter().map(|(k, v)| format!("{}={}", tool::diag::show(k), tool::diag::show(v))).collect()
    }

    #[test]
    fn assignments() {
        let text = "A=1\n  B  =  two words \t\n# c=1\n   # d=1\n\n \t \nE=\nF=\"  q  \" \nG=a#b\nH=x=y";
        assert_eq!(read(text), ["A=1", "B=two words", "E=", "F=  q  ", "G=a#b", "H=x=y"]);
        assert_eq!(read(""), [""; 0]);
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(
            read("A=x\" y \"z\nB=\"\\x41\\102\\7e\\x7E\\\"\\\\\\q\\?\""),
            ["A=x y z", "B=AB\\u{7}e~\"\\q?"]
        );
        assert_eq!(read("A=un\\\njoined\nB=\"quo\\\nted\"\nC=\\\n  x"), ["A=unjoined", "B=quoted", "C=  x"]);
        assert_eq!(read("A=a\\ \\\\\\\" \n"), ["A=a \\\""]);
    }

    #[test]
    fn bad_lines_are_numbered() {
        for bad in [
            "A",
            "=x",
            "A B=c",
            "A=\"x",
            "A=\"\\x4\"",
            "A=\"\\xg1\"",
            "A\\=b",
            "A=a\\tb",
            "export A=1",
            "A=\"\\0\"",
            "A=\"\\777\"",
            "A=a\0",
            "A=\\",
        ] {
            assert_eq!(parse(format!("Z=\n\n{bad}").as_bytes()), Err(BadLine(3)), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(text in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&text);
        }

        #[test]
        fn a_quoted_value_is_read_as_it_was_written(value in "[ -~]{0,20}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let read = parse(format!("KEY=\"{quoted}\"").as_bytes()).unwrap();
            prop_assert_eq!(read, vec![(b"KEY".to_vec(), value.into_bytes())], "an assignment gives its value back");
        }
    }
}
