//! Resource records: types and their content.

use crate::name::Name;
use domain::base::iana::Rtype;
use domain::base::name::ParsedName;
use domain::base::rdata::{ParseRecordData, RecordData};
use domain::base::wire::ParseError;
use domain::dep::octseq::Parser;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::quoting;

/// The number of a record type.
pub type Type = u16;

/// IPv4 addresses.
pub const A: Type = 1;
/// Name servers.
pub const NS: Type = 2;
/// The canonical name of an alias.
pub const CNAME: Type = 5;
/// The start of authority.
pub const SOA: Type = 6;
/// The names of an address.
pub const PTR: Type = 12;
/// Mail exchangers.
pub const MX: Type = 15;
/// Texts.
pub const TXT: Type = 16;
/// IPv6 addresses.
pub const AAAA: Type = 28;
/// Servers of a service.
pub const SRV: Type = 33;

const HINFO: Type = 13;
const CAA: Type = 257;

/// The types that have a name on the command line.
const NAMES: [(&str, Type); 16] = [
    ("A", A),
    ("AAAA", AAAA),
    ("ANY", 255),
    ("AXFR", 252),
    ("CAA", CAA),
    ("CNAME", CNAME),
    ("HINFO", HINFO),
    ("KEY", 25),
    ("MX", MX),
    ("NS", NS),
    ("PTR", PTR),
    ("RP", 17),
    ("SIG", 24),
    ("SOA", SOA),
    ("SRV", SRV),
    ("TXT", TXT),
];

/// Parses a type, by name in any case or by number; `None` if it is unknown or 0.
#[must_use]
pub fn type_from_text(text: &[u8]) -> Option<Type> {
    match wire::number::decimal(text) {
        Some(number) => Some(number).filter(|number| *number != 0),
        None => NAMES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text)).map(|(_, t)| *t),
    }
}

/// The content of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// A, AAAA.
    Address(IpAddr),
    /// NS, CNAME, PTR.
    Name(Name),
    /// MX: preference and exchanger.
    Exchanger(u16, Name),
    /// SOA: the primary server, the mailbox, and serial, refresh, retry, expire and minimum.
    Authority(Name, Name, [u32; 5]),
    /// SRV: priority, weight, port, target.
    Service([u16; 3], Name),
    /// TXT: its strings, concatenated.
    Text(Vec<u8>),
    /// HINFO: processor and system.
    Host(Vec<u8>, Vec<u8>),
    /// CAA: flags, tag, value.
    Issuer(u8, Vec<u8>, Vec<u8>),
    /// Any other type, with its bytes.
    Other(Type, Vec<u8>),
}

impl Data {
    /// The name of a type in the output of `s6-dnsq`.
    #[must_use]
    pub fn type_name(rtype: Type) -> &'static str {
        match rtype {
            A | NS | CNAME | SOA | PTR | HINFO | MX | TXT | AAAA | SRV | CAA => {
                NAMES.iter().find(|(_, number)| *number == rtype).map_or("unknown", |(name, _)| name)
            }
            _ => "unknown",
        }
    }

    /// One line of text; bytes that aren't printable are escaped.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let before = |words: String, name: &Name| [words.as_bytes(), &name.text()].concat();
        let escaped = |parts: &[&[u8]]| {
            let mut out = Vec::new();
            for (number, part) in parts.iter().enumerate() {
                if number > 0 {
                    out.push(b' ');
                }
                quoting::escape(part, b"", &mut out);
            }
            out
        };
        match self {
            Self::Address(ip) => wire::ip::text(*ip).into_bytes(),
            Self::Name(name) => name.text(),
            Self::Exchanger(preference, name) => before(format!("{preference} "), name),
            Self::Authority(primary, mailbox, numbers) => {
                let mut text = [&primary.text()[..], b" ", &mailbox.text()].concat();
                for number in numbers {
                    text.extend(format!(" {number}").bytes());
                }
                text
            }
            Self::Service([priority, weight, port], target) => {
                before(format!("{priority} {weight} {port} "), target)
            }
            Self::Text(text) => quoting::quote(text, b"\"", true),
            Self::Host(processor, system) => escaped(&[processor, system]),
            Self::Issuer(flags, tag, value) => escaped(&[flags.to_string().as_bytes(), tag, value]),
            Self::Other(rtype, bytes) => {
                let head = format!("rtype {rtype} length {}: ", bytes.len());
                [head.as_bytes(), &quoting::quote(bytes, b"\"", true)].concat()
            }
        }
    }
}

impl RecordData for Data {
    fn rtype(&self) -> Rtype {
        Rtype::from_int(match self {
            Self::Other(rtype, _) => *rtype,
            // Unused: the type is taken from the record.
            _ => 0,
        })
    }
}

type Bytes<'a, 'p> = &'p mut Parser<'a, [u8]>;

fn name(parser: Bytes<'_, '_>) -> Result<Name, ParseError> {
    ParsedName::parse_ref(parser).map(|parsed| Name::from_parsed(&parsed))
}

fn bytes(parser: Bytes<'_, '_>, length: usize) -> Result<Vec<u8>, ParseError> {
    Ok(parser.parse_octets(length)?.to_vec())
}

/// A character-string of RFC 1035: a length of one byte, and the bytes.
fn string(parser: Bytes<'_, '_>) -> Result<Vec<u8>, ParseError> {
    let length = parser.parse_u8()?;
    bytes(parser, length.into())
}

impl<'a> ParseRecordData<'a, [u8]> for Data {
    fn parse_rdata(rtype: Rtype, parser: Bytes<'a, '_>) -> Result<Option<Self>, ParseError> {
        Ok(Some(match rtype.to_int() {
            A => Self::Address(Ipv4Addr::from(parser.parse_u32_be()?).into()),
            AAAA => Self::Address(Ipv6Addr::from(parser.parse_u128_be()?).into()),
            NS | CNAME | PTR => Self::Name(name(parser)?),
            MX => Self::Exchanger(parser.parse_u16_be()?, name(parser)?),
            SOA => {
                let (primary, mailbox) = (name(parser)?, name(parser)?);
                let mut numbers = [0; 5];
                for number in &mut numbers {
                    *number = parser.parse_u32_be()?;
                }
                Self::Authority(primary, mailbox, numbers)
            }
            SRV => {
                let mut numbers = [0; 3];
                for number in &mut numbers {
                    *number = parser.parse_u16_be()?;
                }
                Self::Service(numbers, name(parser)?)
            }
            TXT => {
                let mut text = Vec::new();
                while parser.remaining() > 0 {
                    text.extend(string(parser)?);
                }
                Self::Text(text)
            }
            HINFO => Self::Host(string(parser)?, string(parser)?),
            CAA => {
                let flags = parser.parse_u8()?;
                let tag = string(parser)?;
                let length = parser.remaining();
                Self::Issuer(flags, tag, bytes(parser, length)?)
            }
            other => {
                let length = parser.remaining();
                Self::Other(other, bytes(parser, length)?)
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_name_and_number() {
        assert_eq!(type_from_text(b"aaaa"), Some(AAAA));
        assert_eq!(type_from_text(b"99"), Some(99));
        for bad in [&b"0"[..], b"65536", b"NONSENSE", b"", b"-1"] {
            assert_eq!(type_from_text(bad), None, "{bad:?}");
        }
        assert_eq!((Data::type_name(TXT), Data::type_name(252)), ("TXT", "unknown"));
    }

    #[test]
    fn the_names_of_types() {
        let table: Vec<_> = NAMES.iter().map(|(name, number)| format!("{name}={number}")).collect();
        insta::assert_snapshot!(table.join(" "));
        let printed: Vec<_> = (1..=260).map(Data::type_name).filter(|name| *name != "unknown").collect();
        assert_eq!(printed.join(" "), "A NS CNAME SOA PTR HINFO MX TXT AAAA SRV CAA");
    }

    #[test]
    fn the_content_of_each_type() {
        let parse = |rtype: Type, bytes: &[u8]| {
            let mut parser = Parser::from_ref(bytes);
            let data = Data::parse_rdata(Rtype::from_int(rtype), &mut parser).ok().flatten()?;
            (parser.remaining() == 0).then_some(data)
        };
        let name = || Name::from_text(b"a.b").unwrap();
        for (rtype, bytes, data) in [
            (A, &b"\x0a\0\0\x01"[..], Data::Address(IpAddr::from([10, 0, 0, 1]))),
            (AAAA, &[0x20; 16], Data::Address(IpAddr::from([0x2020_u16; 8]))),
            (NS, b"\x01a\x01b\0", Data::Name(name())),
            (MX, b"\x01\x02\x01a\x01b\0", Data::Exchanger(258, name())),
            (SRV, b"\0\x01\0\x02\0\x03\x01a\x01b\0", Data::Service([1, 2, 3], name())),
            (TXT, b"", Data::Text(b"".to_vec())),
            (TXT, b"\x02ab\0\x01c", Data::Text(b"abc".to_vec())),
            (HINFO, b"\x01x\x02yz", Data::Host(b"x".to_vec(), b"yz".to_vec())),
            (CAA, b"\x80\x05issueca", Data::Issuer(128, b"issue".to_vec(), b"ca".to_vec())),
            (99, b"\x01\xff", Data::Other(99, b"\x01\xff".to_vec())),
        ] {
            assert_eq!(parse(rtype, bytes), Some(data), "{rtype}");
            let cut = bytes.split_last().map(|(_, rest)| rest);
            // What is cut short isn't the same; a text or unknown bytes may still be content.
            assert_ne!(cut.and_then(|cut| parse(rtype, cut)), parse(rtype, bytes), "{rtype}");
        }
        assert_eq!(parse(TXT, b"\x03ab"), None);
        assert_eq!(Data::Other(99, Vec::new()).rtype(), Rtype::from_int(99));
    }

    #[test]
    fn lines_are_printable() {
        let name = || Name::from_text(b"a.b").unwrap();
        let text = |data: Data| String::from_utf8(data.text()).unwrap();
        assert_eq!(text(Data::Exchanger(10, name())), "10 a.b.");
        assert_eq!(text(Data::Authority(name(), name(), [1, 2, 3, 4, 5])), "a.b. a.b. 1 2 3 4 5");
        assert_eq!(text(Data::Service([1, 2, 3], name())), "1 2 3 a.b.");
        assert_eq!(text(Data::Text(b"a \"b\"\n\xff".to_vec())), "\"a \\\"b\\\"\\n\\0xff\"");
        assert_eq!(text(Data::Host(b"x".to_vec(), b"y\n".to_vec())), "x y\\n");
        assert_eq!(text(Data::Issuer(128, b"issue".to_vec(), b"ca".to_vec())), "128 issue ca");
        assert_eq!(text(Data::Other(99, b"\x01a".to_vec())), "rtype 99 length 2: \"\\0x01a\"");
    }
}
