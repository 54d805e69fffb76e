//! Numbers in arguments and files.

use std::str::FromStr;

/// Units of time that people write behind a number, in milliseconds.
const UNITS: [(&str, u64); 9] = [
    ("ms", 1),
    ("s", 1000),
    ("sec", 1000),
    ("seconds", 1000),
    ("m", 60_000),
    ("min", 60_000),
    ("minutes", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

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

/// How many milliseconds a time with a unit is, such as `5s` or `2 min`, as people write it where a number is wanted.
#[must_use]
pub fn milliseconds(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (number, unit) = text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count())?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// A number of bytes, also in units of 1024 (`k`) or 1024 × 1024 (`M`).
#[must_use]
pub fn bytes(word: &[u8]) -> Option<u32> {
    let (digits, shift) = match word {
        [digits @ .., b'k' | b'K'] => (digits, 10),
        [digits @ .., b'M' | b'm'] => (digits, 20),
        digits => (digits, 0),
    };
    decimal::<u32>(digits)?.checked_mul(1 << shift)
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
    fn sizes() {
        for (word, size) in [
            ("0", Some(0)),
            ("300", Some(300)),
            ("256k", Some(262_144)),
            ("1K", Some(1024)),
            ("2M", Some(2_097_152)),
            ("3m", Some(3_145_728)),
            ("4095M", Some(4_293_918_720)),
            ("4096M", None),
            ("", None),
            ("k", None),
            ("1kk", None),
            ("1kB", None),
            ("1 k", None),
            ("-1", None),
            ("1.5M", None),
        ] {
            assert_eq!(bytes(word.as_bytes()), size, "{word}");
        }
    }

    #[test]
    fn lists() {
        let numbers = |text: &[u8]| list(text, decimal::<u32>);
        assert_eq!(numbers(b"1,2:3 4;,5,\n"), Some(vec![1, 2, 3, 4, 5]));
        for bad in [&b""[..], b",", b",1", b"1,x", b"1-2"] {
            assert_eq!(numbers(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn times_with_units_are_milliseconds() {
        for (text, ms) in [("5s", 5000), ("250 ms", 250), (" 2 Min ", 120_000), ("1h", 3_600_000)] {
            assert_eq!(milliseconds(text.as_bytes()), Some(ms), "{text}");
        }
        for bad in ["", "s", "5", "-5s", "1.5s", "5 days", "99999999999999h"] {
            assert_eq!(milliseconds(bad.as_bytes()), None, "{bad}");
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
