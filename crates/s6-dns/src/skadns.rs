//! The protocol between `skadnsd` and the reference's client library.
//!
//! A message is its length (4 bytes, big-endian) and that many bytes.  The client sends [`CLIENT_GREETING`], the daemon
//! replies with [`DAEMON_GREETING`], first on the channel of answers and then to the client.  Requests are:
//!
//! | bytes | what |
//! |---|---|
//! | 0–1 | the question's number, chosen by the client, big-endian |
//! | 2 | `Q`: ask; `q`: cancel the question |
//! | 3–4 | `Q`: the type of the records, big-endian |
//! | 5–16 | `Q`: the deadline, a packed TAI64N; zeros for none |
//! | 17– | `Q`: the name as in a DNS message, without compression |
//!
//! Each is acknowledged at once with one byte: 0 or an error number.  Answers come in any order: the question's number,
//! such a byte, and after a 0 the DNS message.

use crate::failure::Failure;
use crate::message::Question;
use crate::name::Name;
use rustix::io::Errno;
use wire::tai::{PACKED, Tai64n};

/// The first message of the client.
pub const CLIENT_GREETING: &[u8] = b"skadns v1.0 (b)\n";
/// The first message of the daemon.
pub const DAEMON_GREETING: &[u8] = b"skadns v1.0 (a)\n";

/// The limit of a client's message, in bytes.
const MAX_MESSAGE: usize = 5 + PACKED + 255;

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Answer this question, which has this number, before the deadline.
    Ask(u16, Question, Option<Tai64n>),
    /// Cancel the question with this number.
    Cancel(u16),
}

impl Request {
    /// From the bytes of a message; `None` if it isn't a request.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        let (number, rest) = message.split_first_chunk()?;
        let number = u16::from_be_bytes(*number);
        match rest.split_first()? {
            (b'q', _) => Some(Self::Cancel(number)),
            (b'Q', rest) => {
                let (rtype, rest) = rest.split_first_chunk()?;
                let (limit, name) = rest.split_first_chunk::<PACKED>()?;
                let limit = if *limit == [0; PACKED] { None } else { Some(Tai64n::unpack(limit)?) };
                let rtype = Some(u16::from_be_bytes(*rtype)).filter(|rtype| *rtype != 0)?;
                let question = Question { name: Name::from_wire(name)?, rtype, recursive: true };
                Some(Self::Ask(number, question, limit))
            }
            _ => None,
        }
    }
}

/// Bytes received from the client.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Appends bytes that were read.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next complete message.
    ///
    /// # Errors
    /// The message is longer than any request: `MSGSIZE`.
    pub fn message(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        let Some((length, rest)) = self.bytes.split_first_chunk() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE {
            return Err(Errno::MSGSIZE);
        }
        let Some(message) = rest.get(..length).map(<[u8]>::to_vec) else { return Ok(None) };
        self.bytes.drain(..4 + length);
        Ok(Some(message))
    }
}

/// Prefixes a message with its length.
#[must_use]
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), message].concat()
}

/// The message that answers a question.
#[must_use]
pub fn answer(number: u16, outcome: &Result<Vec<u8>, Failure>) -> Vec<u8> {
    let (status, message): (u8, &[u8]) = match outcome {
        Ok(message) => (0, message),
        Err(failure) => (error_number(*failure), &[]),
    };
    frame(&[&number.to_be_bytes(), &[status][..], message].concat())
}

/// The error number of the system that represents a failure.
#[must_use]
pub fn error_number(failure: Failure) -> u8 {
    let errno = match failure {
        Failure::NoSuchName => Errno::NOENT,
        Failure::FormatError => Errno::ILSEQ,
        Failure::ServerFailure => Errno::BUSY,
        Failure::NotImplemented => Errno::OPNOTSUPP,
        Failure::Refused => Errno::CONNREFUSED,
        Failure::UnknownCode => Errno::IO,
        Failure::Malformed => Errno::PROTO,
        Failure::TooManyAliases => Errno::LOOP,
        Failure::NoServer => Errno::NETUNREACH,
        Failure::TimedOut => Errno::TIMEDOUT,
        Failure::NameTooLong => Errno::NAMETOOLONG,
        Failure::System(e) => e,
    };
    u8::try_from(errno.raw_os_error()).ok().filter(|number| *number != 0).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let ask = [&b"\x01\x02Q\0\x1c"[..], &[0; PACKED], b"\x01a\0"].concat();
        let question = Question { name: Name::from_text(b"a").unwrap(), rtype: 28, recursive: true };
        assert_eq!(Request::parse(&ask), Some(Request::Ask(0x102, question, None)));
        assert_eq!(Request::parse(b"\0\x05q"), Some(Request::Cancel(5)));
        for cut in 0..ask.len() {
            assert_eq!(Request::parse(&ask[..cut]), None, "{cut}");
        }
        let mut limited = ask.clone();
        limited[5] = 0x40;
        assert!(matches!(Request::parse(&limited), Some(Request::Ask(_, _, Some(_)))));
        for (at, byte) in [(2, b'x'), (4, 0), (17, 64)] {
            let mut bad = ask.clone();
            bad[at] = byte;
            assert_eq!(Request::parse(&bad), None, "{at}");
        }
    }

    #[test]
    fn a_request_has_at_most_272_bytes() {
        assert_eq!(MAX_MESSAGE, 272);
        assert_eq!(
            (CLIENT_GREETING, DAEMON_GREETING),
            (&b"skadns v1.0 (b)\n"[..], &b"skadns v1.0 (a)\n"[..])
        );
        let mut inbox = Inbox::default();
        inbox.put(&frame(&[0; 272]));
        assert_eq!(inbox.message().map(|m| m.map(|m| m.len())), Ok(Some(272)));
        inbox.put(&frame(&[0; 273]));
        assert_eq!(inbox.message(), Err(Errno::MSGSIZE));
    }

    #[test]
    fn messages_are_assembled_from_pieces() {
        let mut inbox = Inbox::default();
        for byte in frame(CLIENT_GREETING) {
            assert_eq!(inbox.message(), Ok(None));
            inbox.put(&[byte]);
        }
        inbox.put(&frame(b""));
        assert_eq!(inbox.message(), Ok(Some(CLIENT_GREETING.to_vec())));
        assert_eq!(inbox.message(), Ok(Some(Vec::new())));
        inbox.put(&[0, 0, 2, 0]);
        assert_eq!(inbox.message(), Err(Errno::MSGSIZE));
    }

    #[test]
    fn answers() {
        assert_eq!(answer(0x102, &Ok(b"xy".to_vec())), b"\0\0\0\x05\x01\x02\0xy");
        assert_eq!(answer(1, &Err(Failure::TimedOut)), b"\0\0\0\x03\0\x01\x6e");
    }
}
