//! DNS messages (RFC 1035, RFC 6891): questions are written, answers read and checked.
//!
//! Answers come from the network and are hostile: names may point anywhere, counts may lie.  Reading allocates for
//! what a record holds, never for what a count promises.

use crate::failure::Failure;
use crate::name::Name;
use crate::record::{CNAME, Data, Type};
use domain::base::iana::{Class, Opcode};
use domain::base::record::ParsedRecord;
use domain::base::{Message, name::ParsedName};

/// The size of datagrams that is promised to servers: what fits into one packet on nearly every path.
pub const DATAGRAM: u16 = 1232;
/// How many aliases are followed.
const ALIASES: usize = 16;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked about.
    pub name: Name,
    /// The type of the records that are wanted.
    pub rtype: Type,
    /// Whether the server is to find the answer if it doesn't know it.
    pub recursive: bool,
}

impl Question {
    /// The message that asks; with `extended` it says that datagrams of [`DATAGRAM`] bytes are welcome.
    #[must_use]
    pub fn message(&self, id: u16, extended: bool) -> Vec<u8> {
        let mut message = id.to_be_bytes().to_vec();
        message.extend([u8::from(self.recursive), 0, 0, 1, 0, 0, 0, 0, 0, u8::from(extended)]);
        message.extend_from_slice(self.name.wire());
        message.extend(self.rtype.to_be_bytes());
        message.extend(Class::IN.to_int().to_be_bytes());
        if extended {
            let [high, low] = DATAGRAM.to_be_bytes();
            message.extend([0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
        }
        message
    }

    /// What a message says, if it answers this question when it was asked under that id.
    #[must_use]
    pub fn reply(&self, id: u16, message: &[u8]) -> Option<Reply> {
        let message = Message::from_slice(message).ok()?;
        let header = message.header();
        if header.id() != id || !header.qr() || header.opcode() != Opcode::QUERY {
            return None;
        }
        let code = header.rcode().to_int();
        // A server that can't read the question may not repeat it.
        if message.header_counts().qdcount() == 0 && code == 1 {
            return Some(Reply { code, is_truncated: false });
        }
        let question = message.sole_question().ok()?;
        let same = question.qtype().to_int() == self.rtype
            && question.qclass() == Class::IN
            && name(question.qname()) == self.name;
        same.then_some(Reply { code, is_truncated: header.tc() })
    }

    /// What the answer holds of the type that was asked for: records of the name, and of the names that it is an
    /// alias of.
    ///
    /// # Errors
    /// The response code, or [`Failure::Malformed`].
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
            if names.len() > ALIASES || names.contains(&alias) || self.rtype == CNAME {
                break;
            }
            names.push(alias);
        }
        let names: Vec<Name> = names.into_iter().cloned().collect();
        records.retain(|r| r.rtype == self.rtype && names.contains(&r.owner));
        Ok(records.into_iter().map(|r| r.data).collect())
    }
}

/// What an answer says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The response code.
    pub code: u8,
    /// Whether there is more than the datagram could hold.
    pub is_truncated: bool,
}

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is about.
    pub owner: Name,
    /// Its type.
    pub rtype: Type,
    /// Its class.
    pub class: u16,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// What it holds.
    pub data: Data,
}

impl Record {
    /// Reads a record of a wanted type.
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

/// A name of a message.
pub(crate) fn name(parsed: &ParsedName<&[u8]>) -> Name {
    Name::from_parsed(parsed)
}
