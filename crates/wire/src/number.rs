//! Numbers in arguments and files.

use std::str::FromStr;

/// The number that a word of decimal digits stands for, if it fits; no sign `+`, no blanks.
#[must_use]
pub fn decimal<T: FromStr>(word: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(word).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The number that a word of octal digits stands for.
#[must_use]
pub fn octal(word: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(word).ok()?;
    if text.is_empty() || !text.bytes().all(|b| (b'0'..b'8').contains(&b)) {
        return None;
    }
    u32::from_str_radix(text, 8).ok()
}

/// A list of items that `item` parses, separated by commas, colons, semicolons, blanks or line ends, which may also
/// follow the last one.
pub fn list<T>(text: &[u8], item: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
    let words = text.split(|b| b",:; \t\r\n".contains(b)).enumerate();
    words.filter(|(i, word)| *i == 0 || !word.is_empty()).map(|(_, word)| item(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let numbers = |text: &[u8]| list(text, decimal::<u32>);
        assert_eq!(numbers(b"1,2:3 4;,5,\n"), Some(vec![1, 2, 3, 4, 5]));
        for bad in [&b""[..], b",", b",1", b"1,x", b"1-2"] {
            assert_eq!(numbers(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_whole_words() {
        assert_eq!(decimal::<u32>(b"12"), Some(12));
        assert_eq!(decimal::<i32>(b"-12"), Some(-12));
        for bad in [&b""[..], b"+1", b" 1", b"1x", b"-", b"-1", b"4294967296"] {
            assert_eq!(decimal::<u32>(bad), None, "{bad:?}");
        }
        assert_eq!(decimal::<u32>(b"0004294967295"), Some(u32::MAX));
        assert_eq!(octal(b"0755"), Some(0o755));
        assert_eq!(octal(b"37777777777"), Some(u32::MAX));
        for bad in [&b""[..], b"8", b"-1", b"+1", b"/", b"40000000000"] {
            assert_eq!(octal(bad), None, "{bad:?}");
        }
    }
}
