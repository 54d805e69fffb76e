//! The messages between `s6-ftrigrd` and its client.
//!
//! Both send messages: the length of the content in 4 bytes, big-endian, and the content.  The client's go to the
//! program's standard input; answers come from its standard output, events from the descriptor that the variable
//! [`EVENTS`] names.  First the client sends [`CLIENT_BANNER`], and the program [`SERVER_BANNER`] on the
//! descriptor for events and on standard output.  Then, numbers being 32 bits, big-endian:
//!
//! | content | |
//! |---|---|
//! | `+`, id, flags, time-out in ms or 0, 0, length of the rest; path NUL expression NUL | subscribe to a fifodir until the letters match; flag 1: continue after a match |
//! | `-`, id | unsubscribe |
//! | answer: a number | 0, or an error number |
//! | event: id, 0, letters | the letters up to the match |
//! | event: id, error number | the subscription has failed and ends |

/// The variable with the number of the descriptor for events.
pub const EVENTS: &str = "SKALIBS_CHILD_SPAWN_FDS";

/// The first bytes from the client.
pub const CLIENT_BANNER: &[u8] = b"ftrigr v2.0 (b)\n";

/// The answer to them.
pub const SERVER_BANNER: &[u8] = b"ftrigr v2.0 (a)\n";

/// The limit of a request in bytes.
pub const REQUEST_MAX: usize = 64 << 10;

/// A request of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Subscribe to a fifodir.
    Subscribe {
        /// The client's number for the subscription.
        id: u32,
        /// Continue after a match.
        keep: bool,
        /// The time-out in milliseconds; 0 for none.
        timeout: u32,
        /// The fifodir.
        path: Vec<u8>,
        /// The extended regular expression.
        expression: Vec<u8>,
    },
    /// End a subscription.
    Unsubscribe(u32),
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

impl Request {
    /// From the content of a message; `None` if it is anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (letter, rest) = bytes.split_first()?;
        let (id, rest) = number(rest)?;
        match letter {
            b'-' => rest.is_empty().then_some(Self::Unsubscribe(id)),
            b'+' => {
                let (flags, rest) = number(rest)?;
                let (timeout, rest) = number(rest)?;
                let (_, rest) = number(rest)?;
                let (length, rest) = number(rest)?;
                if usize::try_from(length) != Ok(rest.len()) {
                    return None;
                }
                let mut words = rest.strip_suffix(b"\0")?.split(|b| *b == 0);
                let (path, expression) = (words.next()?.to_vec(), words.next()?.to_vec());
                words.next().is_none().then_some(Self::Subscribe {
                    id,
                    keep: flags & 1 != 0,
                    timeout,
                    path,
                    expression,
                })
            }
            _ => None,
        }
    }
}

/// The first message of a stream and its length; `None` if it isn't complete.
///
/// # Errors
/// The message is longer than [`REQUEST_MAX`].
pub fn front(stream: &[u8]) -> Result<Option<(&[u8], usize)>, TooLong> {
    let Some((length, rest)) = number(stream) else { return Ok(None) };
    let length = usize::try_from(length).ok().filter(|n| *n <= REQUEST_MAX).ok_or(TooLong)?;
    Ok(rest.get(..length).map(|content| (content, 4 + length)))
}

/// A message is longer than [`REQUEST_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Appends a message made of these parts, at most 2^32 - 1 bytes.
pub fn put(parts: &[&[u8]], out: &mut Vec<u8>) {
    let length = parts.iter().map(|p| p.len()).sum::<usize>();
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIBE: &[u8] = b"+\0\0\0\x07\0\0\0\x01\0\0\x01\0\0\0\0\0\0\0\0\x07dir\0ab\0";

    #[test]
    fn requests_have_known_bytes() {
        let (path, expression) = (b"dir".to_vec(), b"ab".to_vec());
        let request = Request::Subscribe { id: 7, keep: true, timeout: 256, path, expression };
        assert_eq!(Request::decode(SUBSCRIBE), Some(request));
        assert_eq!(Request::decode(b"-\0\0\0\x07"), Some(Request::Unsubscribe(7)));
        for at in 0..SUBSCRIBE.len() {
            assert_eq!(Request::decode(&SUBSCRIBE[..at]), None);
        }
        assert_eq!(Request::decode(b"-\0\0\0\x07x"), None);
        assert_eq!(Request::decode(b"*\0\0\0\x07"), None);
    }

    #[test]
    fn messages_have_lengths() {
        let mut stream = Vec::new();
        put(&[b"a", b"bc"], &mut stream);
        assert_eq!(stream, b"\0\0\0\x03abc");
        stream.push(9);
        assert_eq!(front(&stream), Ok(Some((&b"abc"[..], 7))));
        assert_eq!(front(&stream[..6]), Ok(None));
        assert_eq!(front(b"\0\x02\0\0"), Err(TooLong));
        assert_eq!(REQUEST_MAX, 65_536);
        assert_eq!((front(b"\0\x01\0\0"), front(b"\0\x01\0\x01")), (Ok(None), Err(TooLong)));
        assert_eq!(front(b"\0\0\0"), Ok(None));
    }

    #[test]
    fn only_the_lowest_flag_counts() {
        let keeps = |flags: u8| {
            let mut bytes = SUBSCRIBE.to_vec();
            bytes[8] = flags;
            matches!(Request::decode(&bytes), Some(Request::Subscribe { keep: true, .. }))
        };
        assert_eq!([0, 1, 2, 3, 0xfe].map(keeps), [false, true, false, true, false]);
        // Two words, each with its NUL.
        for (words, length) in [(&b"dir\0ab\0c\0"[..], 9), (b"dirab\0", 6), (b"dir\0abc", 7)] {
            let bytes = [&SUBSCRIBE[..20], &[length], words].concat();
            assert_eq!(Request::decode(&bytes), None, "{words:?}");
        }
    }
}
