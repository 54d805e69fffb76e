//! TAICLOCK, a protocol that tells TAI over UDP.
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | `ctai` in a query, `stai` in its answer |
//! | 4–15 | of an answer: the server's time, a packed TAI64N |
//! | 16–19 | attoseconds, for those who can tell them |
//! | 20– | anything, which the answer repeats |

use wire::tai::{PACKED, Tai64n};

/// The shortest message that a server answers.
const SHORTEST: usize = 20;

/// The longest message that a server looks at.
pub const LONGEST: usize = 256;

/// A query with a cookie that nobody can guess, and that only its own answer repeats.
#[must_use]
pub fn query(now: Tai64n, cookie: [u8; 8]) -> Vec<u8> {
    [&b"ctai"[..], &now.pack(), &[0; 4], &cookie].concat()
}

/// The server's time; `None` if this is no answer to the query.
#[must_use]
pub fn answer(query: &[u8], packet: &[u8]) -> Option<Tai64n> {
    let rest = packet.strip_prefix(b"stai")?;
    if packet.len() != query.len() || packet.get(SHORTEST..) != query.get(SHORTEST..) {
        return None;
    }
    Tai64n::unpack(rest.get(..PACKED)?)
}

/// Makes a query its own answer; `false` if it is none.
#[must_use]
pub fn reply(packet: &mut [u8], now: Tai64n) -> bool {
    if packet.len() < SHORTEST || !packet.starts_with(b"ctai") {
        return false;
    }
    let told = [&b"stai"[..], &now.pack()].concat();
    packet.iter_mut().zip(told).for_each(|(slot, byte)| *slot = byte);
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
        fn anything_is_survived(mut packet in proptest::collection::vec(any::<u8>(), 0..300), is_query: bool) {
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
