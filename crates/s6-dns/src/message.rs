//! DNS messages (RFC 1035, RFC 6891): writes questions, reads and checks answers.
//!
//! Answers come from the network and may be hostile: names may point anywhere, counts may lie.  Memory is allocated
//! for what a record contains, never for what a count promises.

use crate::failure::Failure;
use crate::name::Name;
use crate::record::{CNAME, Data, Type};
use domain::base::iana::{Class, Opcode};
use domain::base::record::ParsedRecord;
use domain::base::{Message, name::ParsedName};

/// The datagram size that EDNS offers to servers, in bytes: it fits into one packet on nearly every path.
pub const EDNS_PAYLOAD_SIZE: u16 = 1232;
/// The limit of aliases followed from one name.
const MAX_ALIASES: usize = 16;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked about.
    pub name: Name,
    /// The type of the records asked for.
    pub rtype: Type,
    /// Whether the server should ask other servers if necessary.
    pub recursive: bool,
}

impl Question {
    /// The message of the question; if `extended`, it offers to receive [`EDNS_PAYLOAD_SIZE`] bytes.
    #[must_use]
    pub fn message(&self, id: u16, extended: bool) -> Vec<u8> {
        let mut message = id.to_be_bytes().to_vec();
        message.extend([u8::from(self.recursive), 0, 0, 1, 0, 0, 0, 0, 0, u8::from(extended)]);
        message.extend_from_slice(self.name.wire());
        message.extend(self.rtype.to_be_bytes());
        message.extend(Class::IN.to_int().to_be_bytes());
        if extended {
            let [high, low] = EDNS_PAYLOAD_SIZE.to_be_bytes();
            message.extend([0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
        }
        message
    }

    /// What a message reports, if it answers this question, sent with this id.
    #[must_use]
    pub fn reply(&self, id: u16, message: &[u8]) -> Option<Reply> {
        let message = Message::from_slice(message).ok()?;
        let header = message.header();
        if header.id() != id || !header.qr() || header.opcode() != Opcode::QUERY {
            return None;
        }
        let code = header.rcode().to_int();
        // A server that can't parse the question may not repeat it.
        if message.header_counts().qdcount() == 0 && code == 1 {
            return Some(Reply { code, is_truncated: false });
        }
        let question = message.sole_question().ok()?;
        let same = question.qtype().to_int() == self.rtype
            && question.qclass() == Class::IN
            && name(question.qname()) == self.name;
        same.then_some(Reply { code, is_truncated: header.tc() })
    }

    /// The records in an answer that have the type asked for: those of the name, and of the names that it is an alias
    /// of.
    ///
    /// # Errors
    /// The response code, [`Failure::Malformed`], or [`Failure::TooManyAliases`].
    pub fn data(&self, message: &[u8]) -> Result<Vec<Data>, Failure> {
        let message = Message::from_slice(message).map_err(|_| Failure::Malformed)?;
        match message.header().rcode().to_int() {
            0 => {}
            code => return Err(Failure::from_code(code)),
        }
        let mut records = Vec::new();
        for record in message.answer().map_err(|_| Failure::Malformed)? {
            let record = Record::read(&record.map_err(|_| Failure::Malformed)?, |rtype| {
                rtype == self.rtype || rtype == CNAME
            })?;
            records.extend(record.filter(|r| r.class == Class::IN.to_int()));
        }
        let mut names = vec![&self.name];
        while let Some(alias) = names.last().and_then(|last| {
            records.iter().find_map(|r| match &r.data {
                Data::Name(target) if r.rtype == CNAME && r.owner == **last => Some(target),
                _ => None,
            })
        }) {
            if names.contains(&alias) || self.rtype == CNAME {
                break;
            }
            if names.len() > MAX_ALIASES {
                return Err(Failure::TooManyAliases);
            }
            names.push(alias);
        }
        let names: Vec<Name> = names.into_iter().cloned().collect();
        records.retain(|r| r.rtype == self.rtype && names.contains(&r.owner));
        Ok(records.into_iter().map(|r| r.data).collect())
    }
}

/// What the header of an answer reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The response code.
    pub code: u8,
    /// Whether the answer didn't fit into the datagram.
    pub is_truncated: bool,
}

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name that it belongs to.
    pub owner: Name,
    /// Its type.
    pub rtype: Type,
    /// Its class.
    pub class: u16,
    /// How long it may be cached, in seconds.
    pub ttl: u32,
    /// Its content.
    pub data: Data,
}

impl Record {
    /// Reads a record if its type is wanted.
    pub(crate) fn read(
        record: &ParsedRecord<'_, [u8]>,
        wanted: impl Fn(Type) -> bool,
    ) -> Result<Option<Self>, Failure> {
        let rtype = record.rtype().to_int();
        if !wanted(rtype) {
            return Ok(None);
        }
        let parsed = record.to_record::<Data>().map_err(|_| Failure::Malformed)?;
        Ok(parsed.map(|parsed| Self {
            owner: name(parsed.owner()),
            rtype,
            class: record.class().to_int(),
            ttl: record.ttl().as_secs(),
            data: parsed.into_data(),
        }))
    }
}

/// Converts a name of a message.
pub(crate) fn name(parsed: &ParsedName<&[u8]>) -> Name {
    Name::from_parsed(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::A;

    fn question(recursive: bool) -> Question {
        Question { name: Name::from_text(b"a.b").unwrap(), rtype: A, recursive }
    }

    #[test]
    fn a_question_has_one_record_and_offers_1232_bytes() {
        assert_eq!(EDNS_PAYLOAD_SIZE, 1232);
        let header = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0";
        let body = b"\x01a\x01b\0\0\x01\0\x01";
        assert_eq!(question(true).message(0x1234, false), [&header[..], body].concat());
        let header = b"\x12\x34\0\0\0\x01\0\0\0\0\0\x01";
        let edns = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
        assert_eq!(question(false).message(0x1234, true), [&header[..], body, edns].concat());
    }

    /// An answer with a chain of aliases `a.b` → `c1` → `c2` … and an address of the last one.
    fn chain(aliases: u8) -> Vec<u8> {
        let mut message = question(true).message(1, false);
        message[2] |= 0x80;
        message[7] = aliases + 1;
        let name = |n: u8| if n == 0 { b"\x01a\x01b\0".to_vec() } else { vec![2, b'c', b'0' + n, 0] };
        for n in 0..aliases {
            let target = name(n + 1);
            message.extend([&name(n)[..], b"\0\x05\0\x01\0\0\0\0\0", &[4], &target].concat());
        }
        message.extend([&name(aliases)[..], b"\0\x01\0\x01\0\0\0\0\0\x04\x0a\0\0\x01"].concat());
        message
    }

    #[test]
    fn sixteen_aliases_are_followed() {
        let found = |aliases| question(true).data(&chain(aliases)).map(|data| data.len());
        assert_eq!([0, 1, 16, 17].map(found), [Ok(1), Ok(1), Ok(1), Err(Failure::TooManyAliases)]);
    }

    #[test]
    fn a_loop_of_aliases_ends_without_an_address() {
        let mut message = chain(2);
        // Without the address; the last alias's length and target become a pointer to the name in the question.
        message[7] = 2;
        let length = message.len() - 18 - 5;
        message.splice(length.., [2, 0xc0, 12]);
        assert_eq!(question(true).data(&message), Ok(vec![]));
    }

    #[test]
    fn a_question_about_an_alias_is_answered_by_that_of_the_name_alone() {
        let question = Question { rtype: CNAME, ..question(true) };
        let mut message = chain(3);
        message[12 + 5 + 1] = 5;
        assert_eq!(question.data(&message), Ok(vec![Data::Name(Name::from_text(b"c1").unwrap())]));
    }

    #[test]
    fn an_error_is_a_failure() {
        let mut message = chain(0);
        message[3] |= 3;
        assert_eq!(question(true).data(&message), Err(Failure::NoSuchName));
    }
}
