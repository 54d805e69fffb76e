//! Netstrings: `LENGTH:BYTES,` with the length in decimal.

/// The longest length that is read, in digits.
const DIGITS: usize = 10;

/// Appends `bytes` as a netstring.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.push(b',');
}

/// The first netstring of `input` and what follows it; `None` if there isn't a whole one.
#[must_use]
pub fn decode(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = input.iter().take(DIGITS + 1).position(|b| *b == b':')?;
    let (digits, rest) = input.split_at_checked(colon)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (bytes, rest) = rest.get(1..)?.split_at_checked(length)?;
    Some((bytes, rest.strip_prefix(b",")?))
}

/// All netstrings of `input`; `None` if it is anything else than a sequence of them.
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
