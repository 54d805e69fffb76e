//! TAICLOCK, a protocol that distributes TAI over UDP.
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | `ctai` in a query, `stai` in its answer |
//! | 4–15 | in an answer: the server's time, a packed TAI64N |
//! | 16–19 | attoseconds, unused here |
//! | 20– | a cookie, which the answer repeats |

use wire::tai::{PACKED, Tai64n};

/// The UDP port of TAICLOCK servers.
pub(crate) const PORT: u16 = 4014;

/// The shortest message that a server answers, in bytes.
const MIN_LENGTH: usize = 20;

/// How many bytes of a message a server reads.
pub(crate) const MAX_LENGTH: usize = 256;

/// A query with a random cookie, by which its answer is recognized.
#[must_use]
pub fn query(now: Tai64n, cookie: [u8; 8]) -> Vec<u8> {
    [&b"ctai"[..], &now.pack(), &[0; 4], &cookie].concat()
}

/// The server's time; `None` if the packet doesn't answer the query.
#[must_use]
pub fn answer(query: &[u8], packet: &[u8]) -> Option<Tai64n> {
    let rest = packet.strip_prefix(b"stai")?;
    if packet.len() != query.len() || packet.get(MIN_LENGTH..) != query.get(MIN_LENGTH..) {
        return None;
    }
    Tai64n::unpack(rest.get(..PACKED)?)
}

/// Turns a query into its answer in place; `false` if it isn't a query.
#[must_use]
pub fn reply(packet: &mut [u8], now: Tai64n) -> bool {
    if packet.len() < MIN_LENGTH || !packet.starts_with(b"ctai") {
        return false;
    }
    let head = [&b"stai"[..], &now.pack()].concat();
    packet.iter_mut().zip(head).for_each(|(slot, byte)| *slot = byte);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_and_its_answer() {
        let (now, then) = (Tai64n::from_unix(1_700_000_000, 5), Tai64n::from_unix(1_700_000_100, 6));
        let asked = query(now, *b"cookie!!");
        assert_eq!(asked.len(), 28);
        let mut packet = asked.clone();
        assert!(reply(&mut packet, then));
        assert_eq!(answer(&asked, &packet), Some(then));
        assert_eq!(answer(&query(now, *b"others!!"), &packet), None);
        assert_eq!(answer(&asked, &packet[..27]), None);
        assert_eq!(answer(&asked, &asked), None);
        assert!(!reply(&mut packet, then), "an answer isn't answered");
        assert!(!reply(&mut asked[..19].to_vec(), then));
        assert!(reply(&mut asked[..20].to_vec(), then));
        assert_eq!((MIN_LENGTH, MAX_LENGTH), (20, 256));
        assert_eq!(asked, [&b"ctai"[..], &now.pack(), &[0; 4], b"cookie!!"].concat());
    }

    #[test]
    fn a_server_s_time_is_a_time() {
        let asked = query(Tai64n::default(), [0; 8]);
        let mut packet = asked.clone();
        assert!(reply(&mut packet, Tai64n::default()));
        packet[12..16].fill(0xff);
        assert_eq!(answer(&asked, &packet), None);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(mut packet in proptest::collection::vec(any::<u8>(), 0..300), is_query: bool) {
            if is_query { packet.splice(..0, *b"ctai"); }
            let (length, asked) = (packet.len(), packet.clone());
            if reply(&mut packet, Tai64n::default()) {
                prop_assert_eq!(packet.len(), length, "an answer is as long as its query");
                prop_assert_eq!(&packet[16..], &asked[16..], "an answer repeats the query behind the time stamp");
            }
            let _ = answer(&packet, &packet);
        }
    }
}
