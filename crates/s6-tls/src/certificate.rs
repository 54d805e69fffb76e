//! The subject and the validity of a certificate (X.509, RFC 5280), read from DER, which may be hostile.
//!
//! ```text
//! SEQUENCE { SEQUENCE { [0] version, serial, algorithm, issuer, SEQUENCE { notBefore, notAfter }, subject, … } … }
//! ```
//! A name is a SEQUENCE of SETs of SEQUENCE { object identifier, string }.

/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// UTF-16, big-endian.
const BMP_STRING: u8 = 0x1e;

/// The short names of a subject's attributes: RFC 4519, and the e-mail address of PKCS #9.
const ATTRIBUTES: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 42], "GN"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 100, 1, 25], "DC"),
];

/// The parts of a certificate used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The subject on one line: `/C=NL/O=Some Firm/CN=example.org`; slashes, backslashes and control characters are
    /// escaped.
    pub subject: String,
    /// The start of its validity: `YYYYMMDDhhmmssZ`, UTC.
    pub not_before: String,
    /// The end of its validity.
    pub not_after: String,
}

/// Unread DER.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value and its tag.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let length = if first & 0x80 == 0 {
            usize::from(*first)
        } else {
            let (digits, after) =
                rest.split_at_checked(usize::from(first & 0x7f)).filter(|(d, _)| d.len() <= 4)?;
            rest = after;
            digits.iter().fold(0, |n: usize, b| n << 8 | usize::from(*b))
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, value))
    }

    /// The next value, if it has this tag.
    fn take(&mut self, tag: u8) -> Option<Der<'a>> {
        self.next().filter(|(t, _)| *t == tag).map(|(_, value)| Der(value))
    }
}

impl Certificate {
    /// Reads a certificate; `None` if it is malformed.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let mut body = Der(der).take(SEQUENCE)?.take(SEQUENCE)?;
        if body.0.first() == Some(&VERSION) {
            body.next()?;
        }
        // Serial number, algorithm, issuer.
        for _ in 0..3 {
            body.next()?;
        }
        let mut validity = body.take(SEQUENCE)?;
        let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
        Some(Self { subject: subject(body.take(SEQUENCE)?)?, not_before, not_after })
    }

    /// Whether it is valid at a time, `YYYYMMDDhhmmssZ`.
    #[must_use]
    pub fn is_valid_at(&self, time: &str) -> bool {
        (self.not_before.as_str()..=self.not_after.as_str()).contains(&time)
    }
}

/// Converts a time to one with four digits for the year.
fn time((tag, text): (u8, &[u8])) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_suffix('Z').filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    match (tag, digits.len()) {
        (UTC_TIME, 12) => Some(format!("{}{text}", if digits < "5" { "20" } else { "19" })),
        (GENERALIZED_TIME, 14) => Some(text.to_owned()),
        _ => None,
    }
}

fn subject(mut name: Der<'_>) -> Option<String> {
    let mut line = String::new();
    while !name.0.is_empty() {
        let mut set = name.take(SET)?;
        while !set.0.is_empty() {
            let mut attribute = set.take(SEQUENCE)?;
            let kind = attribute.take(OBJECT)?.0;
            let (tag, value) = attribute.next()?;
            let known =
                ATTRIBUTES.iter().find(|(object, _)| *object == kind).map(|(_, name)| (*name).to_owned());
            line.push('/');
            line.push_str(&known.unwrap_or_else(|| dotted(kind)));
            line.push('=');
            let text = match tag {
                BMP_STRING => {
                    let units = value.chunks(2).map(|u| u.iter().fold(0, |n, b| n << 8 | u16::from(*b)));
                    String::from_utf16_lossy(&units.collect::<Vec<_>>())
                }
                _ => String::from_utf8_lossy(value).into_owned(),
            };
            for c in text.chars() {
                match c {
                    '/' | '\\' => line.extend(['\\', c]),
                    c if c.is_control() => line.extend(c.escape_default()),
                    c => line.push(c),
                }
            }
        }
    }
    Some(line)
}

/// An object identifier as numbers separated by dots.
fn dotted(object: &[u8]) -> String {
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    for byte in object {
        arc = arc << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first.to_string());
                arc -= first * 40;
            }
            arcs.push(arc.to_string());
            arc = 0;
        }
    }
    arcs.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let value = parts.concat();
        let length = match value.len() {
            n @ 0..128 => vec![u8::try_from(n).unwrap()],
            n => vec![0x82, u8::try_from(n >> 8).unwrap(), u8::try_from(n & 255).unwrap()],
        };
        [&[tag], &length[..], &value].concat()
    }

    fn attribute(object: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        der(SET, &[&der(SEQUENCE, &[&der(OBJECT, &[object]), &der(tag, &[value])])])
    }

    fn made(name: &[Vec<u8>], times: [Vec<u8>; 2]) -> Vec<u8> {
        let name = der(SEQUENCE, &name.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let empty = der(SEQUENCE, &[]);
        let body = [der(VERSION, &[&[2, 1, 2]]), der(2, &[&[7]]), empty.clone(), name.clone()];
        let body = [&body.concat()[..], &der(SEQUENCE, &[&times[0], &times[1]]), &name, &empty].concat();
        der(SEQUENCE, &[&der(SEQUENCE, &[&body]), &empty])
    }

    fn times() -> [Vec<u8>; 2] {
        [der(UTC_TIME, &[b"491231235959Z"]), der(GENERALIZED_TIME, &[b"20500101000000Z"])]
    }

    #[test]
    fn subjects_and_times() {
        let name = [
            attribute(&[0x55, 4, 6], 19, b"NL"),
            attribute(&[0x55, 4, 3], 12, "a/b\\c\u{fc}\n".as_bytes()),
            attribute(&[0x55, 4, 10], BMP_STRING, &[0, b'o', 0x20, 0xac]),
            attribute(&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2], 12, b"x"),
        ];
        let read = Certificate::read(&made(&name, times())).unwrap();
        assert_eq!(read.subject, "/C=NL/CN=a\\/b\\\\c\u{fc}\\n/O=o\u{20ac}/1.3.6.1.4.1.311.2=x");
        assert_eq!(
            (read.not_before.as_str(), read.not_after.as_str()),
            ("20491231235959Z", "20500101000000Z")
        );
        assert!(read.is_valid_at("20500101000000Z") && read.is_valid_at("20491231235959Z"));
        assert!(!read.is_valid_at("20500101000001Z") && !read.is_valid_at("20491231235958Z"));
    }

    #[test]
    fn malformed_certificates_are_refused() {
        let whole = made(&[attribute(&[0x55, 4, 3], 12, &[b'x'; 200])], times());
        assert!(Certificate::read(&whole).is_some());
        (0..whole.len()).for_each(|cut| assert_eq!(Certificate::read(&whole[..cut]), None));
        let local =
            made(&[], [der(UTC_TIME, &[b"4912312359+1"]), der(GENERALIZED_TIME, &[b"20500101000000Z"])]);
        assert_eq!(Certificate::read(&local), None);
        assert_eq!(time((UTC_TIME, b"500101000000Z")).unwrap(), "19500101000000Z");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(at in 0..300_usize, byte: u8, noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Certificate::read(&noise);
            let mut damaged = made(&[attribute(&[0x55, 4, 3], 12, b"example")], times());
            if let Some(slot) = damaged.get_mut(at) { *slot = byte; }
            if let Some(read) = Certificate::read(&damaged) {
                prop_assert!(!read.subject.chars().any(char::is_control), "a subject that is shown has no control characters");
            }
        }
    }
}
