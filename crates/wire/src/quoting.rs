//! Quoted strings: any bytes as printable ASCII, in a form that execlineb reads as well.
//!
//! Escapes: `\a \b \t \n \v \f \r` as in C, `\0xHH` for a byte by its hexadecimal number, a backslash before
//! any other character for that character.  Two more are read, but not written: `\s` for a blank, and `\0`
//! without an `x` after it for a NUL byte.

const NAMED: [(u8, u8); 7] =
    [(7, b'a'), (8, b'b'), (9, b't'), (10, b'n'), (11, b'v'), (12, b'f'), (13, b'r')];

/// Appends `text` with everything escaped that isn't printable ASCII, a backslash or one of `delimiters`.
pub fn escape(text: &[u8], delimiters: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        if let Some((_, name)) = NAMED.iter().find(|(value, _)| value == byte) {
            out.extend([b'\\', *name]);
        } else if delimiters.contains(byte) && byte.is_ascii_alphanumeric() {
            // A backslash before it would have another meaning.
            out.extend(format!("\\0x{byte:02x}").bytes());
        } else if *byte == b'\\' || delimiters.contains(byte) {
            out.extend([b'\\', *byte]);
        } else if matches!(byte, b' '..=b'~') {
            out.push(*byte);
        } else {
            out.extend(format!("\\0x{byte:02x}").bytes());
        }
    }
}

/// `text` in quotes, the first of `delimiters`; with an empty quote: only escaped.
#[must_use]
pub fn quote(text: &[u8], delimiters: &[u8], in_quotes: bool) -> Vec<u8> {
    let quote = delimiters.get(..1).filter(|_| in_quotes).unwrap_or_default();
    let mut out = quote.to_vec();
    escape(text, delimiters, &mut out);
    out.extend_from_slice(quote);
    out
}

/// What is wrong with a quoted string; places are counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The text is empty.
    Empty,
    /// The first character is no quote.
    NoStart,
    /// The last quote is missing.
    NoEnd,
    /// At this place, an escape that has no meaning.
    BadEscape(usize),
}

impl Flaw {
    /// The message.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Empty => String::from("the empty string isn't quoted"),
            Self::NoStart => String::from("it doesn't begin with a quote character"),
            Self::NoEnd => String::from("it has no quote character at its end"),
            Self::BadEscape(at) => format!("bad escape at character {at}"),
        }
    }
}

/// The inverse of [`quote`] or, without delimiters, of [`escape`].  Returns also the length of the text that was read.
///
/// # Errors
/// What is wrong with the text.
pub fn unquote(text: &[u8], delimiters: &[u8]) -> Result<(Vec<u8>, usize), Flaw> {
    let mut at = 0;
    if !delimiters.is_empty() {
        match text.first() {
            None => return Err(Flaw::Empty),
            Some(first) if !delimiters.contains(first) => return Err(Flaw::NoStart),
            Some(_) => at = 1,
        }
    }
    let mut out = Vec::new();
    while let Some(byte) = text.get(at) {
        at += 1;
        if delimiters.contains(byte) {
            return Ok((out, at));
        }
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let escaped = text.get(at).ok_or(Flaw::BadEscape(at))?;
        if text.get(at..).is_some_and(|code| code.starts_with(b"0x")) {
            let digits = text.get(at + 2..at + 4);
            out.push(digits.and_then(hexadecimal).ok_or(Flaw::BadEscape(at))?);
            at += 4;
        } else {
            let named = NAMED.iter().find(|(_, name)| name == escaped);
            out.push(match escaped {
                b'0' => 0,
                b's' => b' ',
                _ => named.map_or(*escaped, |(value, _)| *value),
            });
            at += 1;
        }
    }
    if delimiters.is_empty() { Ok((out, at)) } else { Err(Flaw::NoEnd) }
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    if text.starts_with('+') { None } else { u8::from_str_radix(text, 16).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_any_bytes() {
        assert_eq!(quote(b"a\"b\\\x01\xff\n", b"\"", true), b"\"a\\\"b\\\\\\0x01\\0xff\\n\"");
        assert_eq!(quote(b"it's", b"'", true), b"'it\\'s'");
        assert_eq!(quote(b"na", b"n", true), b"n\\0x6ean");
        let all: Vec<u8> = (0..=255).collect();
        for delimiters in [&b"\""[..], b"'", b"0", b"x\"", b""] {
            let quoted = quote(&all, delimiters, true);
            assert_eq!(unquote(&quoted, delimiters), Ok((all.clone(), quoted.len())));
        }
    }

    #[test]
    fn flaws() {
        let flaw = |text: &[u8]| unquote(text, b"\"").unwrap_err();
        assert_eq!(flaw(b""), Flaw::Empty);
        assert_eq!(flaw(b"plain"), Flaw::NoStart);
        assert_eq!(flaw(b"\"open"), Flaw::NoEnd);
        for bad in [&b"\"bad\\"[..], b"\"\\0x4\"", b"\"\\0xzz\"", b"\"\\0x+1\""] {
            assert!(matches!(flaw(bad), Flaw::BadEscape(_)), "{bad:?}");
        }
        assert_eq!(unquote(b"\"abc\" def", b"\""), Ok((b"abc".to_vec(), 5)));
    }

    #[test]
    fn messages_of_flaws() {
        for (flaw, text) in [
            (Flaw::Empty, "the empty string isn't quoted"),
            (Flaw::NoStart, "it doesn't begin with a quote character"),
            (Flaw::NoEnd, "it has no quote character at its end"),
            (Flaw::BadEscape(7), "bad escape at character 7"),
        ] {
            assert_eq!(flaw.text(), text);
        }
    }

    #[test]
    fn what_is_only_understood() {
        let text = |quoted: &[u8]| unquote(quoted, b"\"").map(|(text, _)| text);
        assert_eq!(text(b"\"a\\sb\""), Ok(b"a b".to_vec()));
        assert_eq!(text(b"\"\\0\\012\""), Ok(b"\0\x0012".to_vec()));
        assert_eq!(unquote(b"\\0", b""), Ok((b"\0".to_vec(), 2)));
    }
}
