//! Domain names.
//!
//! A name is stored in the wire format of RFC 1035 without compression: labels of 1 to 63 bytes, each after its length,
//! and the root's 0 at the end; at most 255 bytes.  Letters are lower case, so that equal names have equal bytes.
//!
//! In text, labels are separated by dots; leading, doubled and final dots are ignored.  A dot or backslash in a label is
//! written `\.` or `\\`, a byte that isn't printable ASCII as `\` and three decimal digits.

use domain::base::name::ParsedName;
use std::net::IpAddr;

/// An absolute domain name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    wire: Vec<u8>,
}

/// The suffixes of short names, and when they are tried.
#[derive(Debug, Clone, Copy)]
pub struct Suffixes<'a> {
    list: &'a [Vec<u8>],
    ndots: Option<usize>,
}

impl<'a> Suffixes<'a> {
    /// No suffixes.
    pub const NONE: Self = Self { list: &[], ndots: None };

    /// These suffixes, which are tried before the name by itself.
    #[must_use]
    pub fn new(list: &'a [Vec<u8>]) -> Self {
        Self { list, ndots: None }
    }

    /// A name with at least this many dots is tried by itself first.
    #[must_use]
    pub fn with_ndots(self, ndots: Option<usize>) -> Self {
        Self { ndots, ..self }
    }
}

impl Name {
    /// From text; a final dot is optional.  `None` if the name or one of its labels is too long.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let (mut wire, mut label) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((byte, tail)) = rest.split_first() {
            rest = tail;
            match byte {
                b'.' => end_label(&mut wire, &mut label)?,
                b'\\' => {
                    let (byte, used) = escaped(tail)?;
                    rest = tail.get(used..)?;
                    label.push(byte.to_ascii_lowercase());
                }
                byte => label.push(byte.to_ascii_lowercase()),
            }
        }
        end_label(&mut wire, &mut label)?;
        wire.push(0);
        (wire.len() <= 255).then_some(Self { wire })
    }

    /// From a name in a message, which the parser has checked.
    #[must_use]
    pub fn from_parsed(parsed: &ParsedName<&[u8]>) -> Self {
        let mut wire = Vec::new();
        for label in parsed.iter() {
            let label = label.as_slice();
            wire.push(u8::try_from(label.len()).unwrap_or_default());
            wire.extend(label.to_ascii_lowercase());
        }
        Self { wire }
    }

    /// From the wire format without compression; `None` if it is malformed.
    #[must_use]
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        loop {
            let (length, tail) = rest.split_first()?;
            match *length {
                0 if tail.is_empty() && bytes.len() <= 255 => break,
                1..=63 => rest = tail.get(usize::from(*length)..)?,
                _ => return None,
            }
        }
        // Lengths are below the codes of letters, so they don't change.
        Some(Self { wire: bytes.to_ascii_lowercase() })
    }

    /// The name of an address for reverse look-ups: in `in-addr.arpa.` or `ip6.arpa.`
    #[must_use]
    pub fn reverse(ip: IpAddr) -> Self {
        let mut text = String::new();
        match ip {
            IpAddr::V4(v4) => {
                for byte in v4.octets().iter().rev() {
                    text.push_str(&format!("{byte}."));
                }
                text.push_str("in-addr.arpa");
            }
            IpAddr::V6(v6) => {
                for byte in v6.octets().iter().rev() {
                    text.push_str(&format!("{:x}.{:x}.", byte & 15, byte >> 4));
                }
                text.push_str("ip6.arpa");
            }
        }
        Self::from_text(text.as_bytes()).unwrap_or(Self { wire: vec![0] })
    }

    /// The wire format.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The text, with a final dot; the root is `.`
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.wire.len());
        let mut rest = self.wire.as_slice();
        while let Some((length, tail)) = rest.split_first().filter(|(length, _)| **length != 0) {
            let (label, after) = tail.split_at(usize::from(*length).min(tail.len()));
            for byte in label {
                match byte {
                    b'.' | b'\\' => text.extend([b'\\', *byte]),
                    b'!'..=b'~' => text.push(*byte),
                    _ => text.extend(format!("\\{byte:03}").bytes()),
                }
            }
            text.push(b'.');
            rest = after;
        }
        if text.is_empty() {
            text.push(b'.');
        }
        text
    }

    /// The candidates for `text`: `text` with each of the suffixes, in order, then by itself, which comes first if `text`
    /// has as many dots as [`Suffixes::with_ndots`] says.  With a final dot or
    /// without labels it is only itself.  `None` if one of them is too long.
    #[must_use]
    pub fn qualify(text: &[u8], suffixes: Suffixes<'_>) -> Option<Vec<Self>> {
        let unqualified = Self::from_text(text)?;
        let mut names = Vec::new();
        if !text.ends_with(b".") && unqualified.wire.len() > 1 {
            for suffix in suffixes.list {
                names.push(Self::from_text(&[text, b".", suffix].concat())?);
            }
        }
        let dots = text.iter().filter(|b| **b == b'.').count();
        let place = if suffixes.ndots.is_some_and(|least| dots >= least) { 0 } else { names.len() };
        names.insert(place, unqualified);
        Some(names)
    }
}

/// Ends a label; an empty one is ignored.
fn end_label(wire: &mut Vec<u8>, label: &mut Vec<u8>) -> Option<()> {
    let length = u8::try_from(label.len()).ok().filter(|length| *length <= 63)?;
    if length != 0 && wire.len() <= 255 {
        wire.push(length);
        wire.append(label);
    }
    label.clear();
    Some(())
}

/// The byte that an escape stands for, and the length of the escape after its backslash.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    match text.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit)) {
        Some(digits) => Some((wire::number::decimal(digits)?, 3)),
        None => Some((*text.first()?, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Option<String> {
        Name::from_text(text.as_bytes()).map(|name| String::from_utf8(name.text()).unwrap())
    }

    #[test]
    fn text_is_read_and_printed() {
        for (text, expected) in [
            ("WWW.Example.com", "www.example.com."),
            ("a.", "a."),
            ("..a..b..", "a.b."),
            ("", "."),
            (".", "."),
            ("a\\.b.c", "a\\.b.c."),
            ("a\\032b", "a\\032b."),
            ("a b\n", "a\\032b\\010."),
            ("\\065", "a."),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text:?}");
        }
        assert_eq!(Name::from_text(b"ab.c").unwrap().wire(), b"\x02ab\x01c\0");
    }

    #[test]
    fn lengths() {
        let label = "x".repeat(63);
        assert!(shown(&label).is_some());
        assert_eq!(shown(&format!("{label}x")), None);
        let most = format!("{label}.{label}.{label}.{}", "y".repeat(61));
        assert_eq!(Name::from_text(most.as_bytes()).unwrap().wire().len(), 255);
        assert_eq!(shown(&format!("{most}y")), None);
        assert_eq!(shown(&"z.".repeat(100_000)), None);
        assert_eq!(shown("a\\"), None);
        assert_eq!(shown("a\\256"), None);
    }

    #[test]
    fn wire_form() {
        assert_eq!(Name::from_wire(b"\x01A\x01b\0").unwrap(), Name::from_text(b"a.b").unwrap());
        for bad in [&b""[..], b"\x01a", b"\x02a\0", b"\0x", b"\x40a\0", b"\xc0\x0c"] {
            assert_eq!(Name::from_wire(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn addresses_have_names() {
        let text = |ip: &str| String::from_utf8(Name::reverse(ip.parse().unwrap()).text()).unwrap();
        assert_eq!(text("10.1.2.3"), "3.2.1.10.in-addr.arpa.");
        let expected = "5".to_owned() + &".0".repeat(23) + ".8.b.d.0.1.0.0.2.ip6.arpa.";
        assert_eq!(text("2001:db8::5"), expected);
    }

    #[test]
    fn qualification() {
        let with_ndots = |text: &str, suffixes: &[&str], ndots| {
            let suffixes: Vec<_> = suffixes.iter().map(|s| s.as_bytes().to_vec()).collect();
            let names = Name::qualify(text.as_bytes(), Suffixes::new(&suffixes).with_ndots(ndots))?;
            Some(names.iter().map(|n| String::from_utf8(n.text()).unwrap()).collect::<Vec<_>>().join(" "))
        };
        let all = |text: &str, suffixes: &[&str]| with_ndots(text, suffixes, None);
        assert_eq!(all("www", &["a.b", "c."]).unwrap(), "www.a.b. www.c. www.");
        assert_eq!(all("a.b.", &["c"]).unwrap(), "a.b.");
        assert_eq!(all("", &["c"]).unwrap(), ".");
        assert_eq!(with_ndots("a.b", &["c"], Some(1)).unwrap(), "a.b. a.b.c.");
        assert_eq!(with_ndots("a.b", &["c"], Some(2)).unwrap(), "a.b.c. a.b.");
        assert_eq!(with_ndots("a", &["c"], Some(0)).unwrap(), "a. a.c.");
        assert_eq!(all("a", &[&"x.".repeat(130)]), None);
    }

    proptest! {
        #[test]
        fn any_name_survives_its_text(labels in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..20), 0..9)) {
            let mut wire = Vec::new();
            for label in &labels {
                wire.push(u8::try_from(label.len()).unwrap());
                wire.extend(label);
            }
            wire.push(0);
            let name = Name::from_wire(&wire).unwrap();
            let text = name.text();
            prop_assert!(text.iter().all(u8::is_ascii_graphic), "a name's text is printable");
            prop_assert_eq!(Name::from_text(&text).unwrap(), name, "a name's text gives the name back");
        }

        #[test]
        fn any_text_is_a_name_or_none(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(name) = Name::from_text(&text) {
                prop_assert!(Name::from_wire(name.wire()).is_some(), "a name that was read can be sent");
            }
        }
    }
}
