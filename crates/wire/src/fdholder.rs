//! The requests to an fd holder (`s6-fdholderd`) and its answers: contents of [messages](crate::unix_message).
//!
//! A *limit* is the 12 bytes of a packed TAI64N, the moment when the holder closes the descriptor; an *id* is
//! its length in one byte, 1 to 255 bytes that aren't NUL, and a NUL; numbers are 32 bits, big-endian.
//!
//! | first byte | then | descriptors | |
//! |---|---|---|---|
//! | `S` | limit, id | 1 | store |
//! | `D` | id | | delete |
//! | `R` | 1 byte: 1 to delete it as well, else 0; id | | retrieve |
//! | `L` | | | list |
//! | `?` | | | dump everything |
//! | `!` | how many descriptors will come | | take a dump |
//! | `.` | for each descriptor limit and id | 1 to 253 | a part of that dump |
//!
//! An answer begins with a byte that is 0 or an error number.  After a 0 there is nothing more but:
//!
//! | to | then | descriptors |
//! |---|---|---|
//! | `R` | | 1 |
//! | `L` | how many; the ids, each with a NUL behind it | |
//! | `?` | how many messages follow, how many descriptors they have in all; each of these messages is as one with `.`, without that byte | |
//! | `!` | how many messages with `.` are to follow | |
//! | `.` | `AGAIN` instead of 0 for every part but the last | |

use crate::tai::{PACKED, Tai64n};
use crate::unix_message::MAX_FDS;

/// The limit of an identifier in bytes.
pub const ID_MAX: usize = 255;

/// The limit of a request in bytes: a full part of a dump.
pub const REQUEST_MAX: usize = 1 + MAX_FDS * (PACKED + 2 + ID_MAX);

/// The span, in seconds, that stands for an infinite one.
const INFINITE: u64 = 1 << 61;

/// The limit of a descriptor that is stored `now` and never expires.
#[must_use]
pub fn never(now: Tai64n) -> Tai64n {
    Tai64n { seconds: now.seconds.saturating_add(INFINITE), nanos: now.nanos }
}

/// Whether a limit stands for none.
#[must_use]
pub fn is_never(limit: Tai64n, now: Tai64n) -> bool {
    limit.seconds >= now.seconds.saturating_add(INFINITE / 2)
}

/// A name and a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When the holder closes it.
    pub limit: Tai64n,
    /// The identifier.
    pub id: Vec<u8>,
}

/// A request of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Hold the descriptor that comes with the request.
    Store(Entry),
    /// Close one.
    Delete(Vec<u8>),
    /// Give a copy of one.
    Retrieve {
        /// Its name.
        id: Vec<u8>,
        /// Whether the holder deletes it.
        delete: bool,
    },
    /// List all names.
    List,
    /// Dump all descriptors.
    GetDump,
    /// Announces how many descriptors will come.
    SetDump(u32),
    /// A part of them, one descriptor for each entry.
    Part(Vec<Entry>),
}

fn put_id(id: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let length = u8::try_from(id.len()).ok().filter(|n| *n > 0)?;
    if id.contains(&0) {
        return None;
    }
    out.push(length);
    out.extend_from_slice(id);
    out.push(0);
    Some(())
}

fn take_id(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(*length))?;
    let (end, rest) = rest.split_first()?;
    (*end == 0 && !id.is_empty() && !id.contains(&0)).then(|| (id.to_vec(), rest))
}

fn whole_id(bytes: &[u8]) -> Option<Vec<u8>> {
    take_id(bytes).filter(|(_, rest)| rest.is_empty()).map(|(id, _)| id)
}

fn take_entry(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (limit, rest) = bytes.split_at_checked(PACKED)?;
    let limit = Tai64n::unpack(limit)?;
    let (id, rest) = take_id(rest)?;
    Some((Entry { limit, id }, rest))
}

/// The entries as a dump's messages have them; `None` if an identifier is invalid.
#[must_use]
pub fn encode_entries<'a>(entries: impl IntoIterator<Item = (Tai64n, &'a [u8])>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for (limit, id) in entries {
        out.extend(limit.pack());
        put_id(id, &mut out)?;
    }
    Some(out)
}

/// The entries of a dump's message; `None` if it is damaged, or has more than a message has descriptors.
#[must_use]
pub fn decode_entries(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (entry, rest) = take_entry(bytes)?;
        entries.push(entry);
        bytes = rest;
        if entries.len() > MAX_FDS {
            return None;
        }
    }
    Some(entries)
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

impl Request {
    /// The content of its message; `None` if an identifier is invalid.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Self::Store(entry) => {
                out.push(b'S');
                out.extend(entry.limit.pack());
                put_id(&entry.id, &mut out)?;
            }
            Self::Delete(id) => {
                out.push(b'D');
                put_id(id, &mut out)?;
            }
            Self::Retrieve { id, delete } => {
                out.extend([b'R', u8::from(*delete)]);
                put_id(id, &mut out)?;
            }
            Self::List => out.push(b'L'),
            Self::GetDump => out.push(b'?'),
            Self::SetDump(count) => {
                out.push(b'!');
                out.extend(count.to_be_bytes());
            }
            Self::Part(entries) => {
                out.push(b'.');
                out.extend(encode_entries(entries.iter().map(|e| (e.limit, e.id.as_slice())))?);
            }
        }
        Some(out)
    }

    /// From the content of a message; `None` if it is anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (letter, rest) = bytes.split_first()?;
        Some(match letter {
            b'S' => Self::Store(take_entry(rest).filter(|(_, rest)| rest.is_empty())?.0),
            b'D' => Self::Delete(whole_id(rest)?),
            b'R' => {
                let (delete, rest) = rest.split_first()?;
                Self::Retrieve { id: whole_id(rest)?, delete: *delete != 0 }
            }
            b'L' if rest.is_empty() => Self::List,
            b'?' if rest.is_empty() => Self::GetDump,
            b'!' => Self::SetDump(number(rest)?),
            b'.' => Self::Part(decode_entries(rest).filter(|entries| !entries.is_empty())?),
            _ => return None,
        })
    }

    /// How many descriptors come with it.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        match self {
            Self::Store(_) => 1,
            Self::Part(entries) => entries.len(),
            _ => 0,
        }
    }
}

/// The number of messages of a dump of `total` descriptors.
#[must_use]
pub fn parts(total: usize) -> usize {
    total.div_ceil(MAX_FDS)
}

/// The answer to `L`; `None` if there are more than 2^32 ids.
#[must_use]
pub fn encode_list<'a>(ids: impl ExactSizeIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut out = vec![0];
    out.extend(u32::try_from(ids.len()).ok()?.to_be_bytes());
    for id in ids {
        out.extend_from_slice(id);
        out.push(0);
    }
    Some(out)
}

/// The ids of an answer to `L`, from after its first byte; `None` if it is damaged.
#[must_use]
pub fn decode_list(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (count, rest) = bytes.split_at_checked(4)?;
    if u32::try_from(rest.iter().filter(|b| **b == 0).count()) != Ok(number(count)?) {
        return None;
    }
    let mut ids: Vec<_> = rest.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
    // What follows the last NUL.
    ids.pop().is_some_and(|rest| rest.is_empty()).then_some(ids)
}

/// The first answer to `?` for `total` descriptors.
#[must_use]
pub fn encode_dump(total: usize) -> Option<Vec<u8>> {
    let mut out = vec![0];
    out.extend(u32::try_from(parts(total)).ok()?.to_be_bytes());
    out.extend(u32::try_from(total).ok()?.to_be_bytes());
    Some(out)
}

/// How many descriptors the answer to `?` announces, from after its first byte; `None` if it is damaged.
#[must_use]
pub fn decode_dump(bytes: &[u8]) -> Option<usize> {
    let (messages, total) = bytes.split_at_checked(4)?;
    let (messages, total) = (usize::try_from(number(messages)?).ok()?, usize::try_from(number(total)?).ok()?);
    (messages == parts(total)).then_some(total)
}

/// The answer to `!`: how many parts are to follow.
#[must_use]
pub fn encode_parts(total: usize) -> Option<Vec<u8>> {
    let mut out = vec![0];
    out.extend(u32::try_from(parts(total)).ok()?.to_be_bytes());
    Some(out)
}

/// How many parts the answer to `!` asks for, from after its first byte.
#[must_use]
pub fn decode_parts(bytes: &[u8]) -> Option<usize> {
    usize::try_from(number(bytes)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &[u8]) -> Entry {
        Entry { limit: Tai64n { seconds: 1 << 62, nanos: 5 }, id: id.to_vec() }
    }

    #[test]
    fn requests_have_known_bytes() {
        let limit = b"\x40\0\0\0\0\0\0\0\0\0\0\x05";
        let one = [&limit[..], b"\x01a\0"].concat();
        for (request, bytes) in [
            (Request::Store(entry(b"a")), [b"S", &one[..]].concat()),
            (Request::Delete(b"ab".to_vec()), b"D\x02ab\0".to_vec()),
            (Request::Retrieve { id: b"ab".to_vec(), delete: true }, b"R\x01\x02ab\0".to_vec()),
            (Request::List, b"L".to_vec()),
            (Request::GetDump, b"?".to_vec()),
            (Request::SetDump(258), b"!\0\0\x01\x02".to_vec()),
            (Request::Part(vec![entry(b"a"), entry(b"a")]), [b".", &one[..], &one[..]].concat()),
        ] {
            assert_eq!(request.encode().as_ref(), Some(&bytes));
            assert_eq!(Request::decode(&bytes), Some(request));
            let part = &bytes[..bytes.len() - 1];
            assert_eq!(Request::decode(part), None, "{part:?}");
        }
    }

    #[test]
    fn descriptors_come_with_what_is_stored() {
        for (request, count) in [
            (Request::Store(entry(b"a")), 1),
            (Request::Part(vec![entry(b"a"); 3]), 3),
            (Request::Delete(b"a".to_vec()), 0),
            (Request::SetDump(7), 0),
            (Request::List, 0),
        ] {
            assert_eq!(request.descriptors(), count);
        }
    }

    #[test]
    fn hostile_requests_are_refused() {
        for bad in [
            &b""[..],
            b"X",
            b"L1",
            b"?1",
            b"D\0\0",
            b"D\x01\0\0",
            b"D\x02ab\0c",
            b"D\x02ab\x01",
            b"!123",
            b".",
        ] {
            assert_eq!(Request::decode(bad), None, "{bad:?}");
        }
        assert_eq!(Request::Delete(vec![b'x'; ID_MAX + 1]).encode(), None);
        assert_eq!(Request::Delete(vec![b'x'; ID_MAX]).encode().map(|bytes| bytes.len()), Some(ID_MAX + 3));
        assert_eq!(Request::Delete(Vec::new()).encode(), None);
        assert_eq!(Request::Delete(b"a\0b".to_vec()).encode(), None);
        let many = Request::Part(vec![entry(&[b'x'; ID_MAX]); MAX_FDS]);
        let bytes = many.encode().unwrap();
        assert_eq!(bytes.len(), REQUEST_MAX);
        assert_eq!(Request::decode(&bytes), Some(many));
        assert_eq!(decode_entries(&[&bytes[1..], &bytes[1..]].concat()), None);
    }

    #[test]
    fn answers() {
        let list = encode_list([&b"a"[..], b"bc"].into_iter()).unwrap();
        assert_eq!(list, b"\0\0\0\0\x02a\0bc\0");
        assert_eq!(decode_list(&list[1..]), Some(vec![b"a".to_vec(), b"bc".to_vec()]));
        assert_eq!(decode_list(b"\0\0\0\x02a\0bc"), None);
        assert_eq!(decode_list(b"\0\0\0\x03a\0bc\0"), None);
        assert_eq!(decode_list(b"\0\0\0\0"), Some(Vec::new()));
        for (total, messages) in [(0, 0), (1, 1), (253, 1), (254, 2)] {
            assert_eq!(parts(total), messages);
            assert_eq!(decode_dump(&encode_dump(total).unwrap()[1..]), Some(total));
            assert_eq!(decode_parts(&encode_parts(total).unwrap()[1..]), Some(messages));
        }
        assert_eq!(decode_dump(b"\0\0\0\x02\0\0\0\x01"), None);
    }

    #[test]
    fn what_never_ends() {
        let now = Tai64n::from_unix(1_700_000_000, 0);
        assert!(is_never(never(now), now));
        assert!(is_never(never(now), Tai64n::from_unix(9_700_000_000, 0)));
        assert!(!is_never(Tai64n::from_unix(9_700_000_000, 0), now));
    }
}
