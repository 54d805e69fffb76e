//! Netstrings: `LENGTH:BYTES,` with the length in decimal.

/// The limit of a length in digits.
const DIGITS: usize = 10;

/// Appends `bytes` as a netstring.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.push(b',');
}

/// What a stream begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front<'a> {
    /// A netstring's bytes, and what follows it.
    Whole(&'a [u8], &'a [u8]),
    /// A part of a netstring; the rest is still to be read.
    Part,
    /// Anything else.
    Damage,
}

/// Reads the beginning of `input`; empty input is a part of a netstring.
#[must_use]
pub fn front(input: &[u8]) -> Front<'_> {
    let digits = input.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = input.split_at_checked(digits).unwrap_or_default();
    if digits > DIGITS || (digits == 0 && !input.is_empty()) {
        return Front::Damage;
    }
    let Some((colon, rest)) = rest.split_first() else { return Front::Part };
    let length = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok());
    let Some(length) = length.filter(|_| *colon == b':') else { return Front::Damage };
    match rest.split_at_checked(length) {
        Some((bytes, [b',', rest @ ..])) => Front::Whole(bytes, rest),
        None | Some((_, [])) => Front::Part,
        Some(_) => Front::Damage,
    }
}

/// The first netstring of `input` and what follows it; `None` if it isn't complete.
#[must_use]
pub fn decode(input: &[u8]) -> Option<(&[u8], &[u8])> {
    match front(input) {
        Front::Whole(bytes, rest) => Some((bytes, rest)),
        Front::Part | Front::Damage => None,
    }
}

/// All netstrings of `input`; `None` if it is no sequence of netstrings.
#[must_use]
pub fn decode_all(mut input: &[u8]) -> Option<Vec<&[u8]>> {
    let mut all = Vec::new();
    while !input.is_empty() {
        let (bytes, rest) = decode(input)?;
        all.push(bytes);
        input = rest;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut out = Vec::new();
        for word in [&b"a"[..], b"", b"x,y:z\0"] {
            encode(word, &mut out);
        }
        assert_eq!(out, b"1:a,0:,6:x,y:z\0,");
        assert_eq!(decode_all(&out).unwrap(), [&b"a"[..], b"", b"x,y:z\0"]);
        assert_eq!(front(b"1:a,2:"), Front::Whole(b"a", b"2:"));
        assert_eq!(decode(b"0000000001:a,"), Some((&b"a"[..], &b""[..])), "a length has up to ten digits");
        assert_eq!(decode(b"00000000001:a,"), None);
    }

    #[test]
    fn a_part_is_not_damage() {
        for part in [&b""[..], b"1", b"12:", b"2:a", b"2:ab", b"1234567890"] {
            assert_eq!(front(part), Front::Part, "{part:?}");
        }
        for bad in [&b"x"[..], b":", b"1x", b"2:abc", b"12345678901"] {
            assert_eq!(front(bad), Front::Damage, "{bad:?}");
        }
    }

    #[test]
    fn damage_is_noticed() {
        for bad in
            [&b"1:a"[..], b"1:a;", b"2:a,", b":a,", b"x:a,", b"99999999999:a,", b"1", b"-1:,", b"+1:a,"]
        {
            assert_eq!(decode_all(bad), None, "{bad:?}");
        }
    }
}
