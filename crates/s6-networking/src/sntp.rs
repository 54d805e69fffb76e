//! SNTP version 4 (RFC 4330), the client's side.
//!
//! The 48 bytes of a message:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | leap indicator (2 bits, 3: the clock isn't set), version (3 bits), mode (3 bits: 2 or 4 answers, 3 asks) |
//! | 1 | stratum: 0 if the server refuses |
//! | 24–31 | in an answer: bytes 40–47 of its query |
//! | 32–39 | when the query was received |
//! | 40–47 | when this message was sent |
//!
//! A time stamp is the UTC seconds since 1900 in 4 bytes, and the fraction in units of 2^-32 s in 4 more.  If its first
//! bit is clear, it belongs to the era that begins in 2036.

use wire::tai::Tai64n;

/// The length of a message without extensions, in bytes.
pub const LENGTH: usize = 48;

/// The seconds from 1900 to 1970.
const EPOCH: i64 = 2_208_988_800;

/// The query for this time; `None` if it is outside of the range of time stamps, 1968 to 2104.
#[must_use]
pub fn query(now: Tai64n) -> Option<Vec<u8>> {
    let stamp = stamp(now)?.to_be_bytes();
    let mut query = vec![0; LENGTH];
    // Version 4, a client.
    *query.first_mut()? = 0o43;
    query.get_mut(40..)?.copy_from_slice(&stamp);
    Some(query)
}

/// When the query was received and when the answer was sent, by the server's clock; `None` if the packet doesn't answer
/// the query.
#[must_use]
pub fn answer(query: &[u8], packet: &[u8]) -> Option<(Tai64n, Tai64n)> {
    let packet = packet.get(..LENGTH)?;
    let (first, stratum) = (*packet.first()?, *packet.get(1)?);
    let (leap, version, mode) = (first >> 6, first >> 3 & 7, first & 7);
    if !matches!(mode, 2 | 4) || version == 0 || leap == 3 || stratum == 0 {
        return None;
    }
    if packet.get(24..32)? != query.get(40..48)? {
        return None;
    }
    let at = |from: usize| {
        let bytes = packet.get(from..from + 8)?.try_into().ok()?;
        Some(u64::from_be_bytes(bytes)).filter(|stamp| *stamp != 0).map(time)
    };
    Some((at(32)?, at(40)?))
}

fn stamp(t: Tai64n) -> Option<u64> {
    let seconds = u64::try_from(t.unix_seconds().checked_add(EPOCH)?).ok()?;
    let fraction = (u64::from(t.nanos) << 32) / 1_000_000_000;
    let is_in_range = (1 << 31..3 << 31).contains(&seconds);
    is_in_range.then_some((seconds & 0xffff_ffff) << 32 | fraction)
}

fn time(stamp: u64) -> Tai64n {
    let seconds = i64::from((stamp >> 32) as u32);
    let era = if seconds < 1 << 31 { 1 << 32 } else { 0 };
    let nanos = ((stamp & 0xffff_ffff) * 1_000_000_000) >> 32;
    Tai64n::from_unix(seconds + era - EPOCH, u32::try_from(nanos).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(query: &[u8], first: u8, stratum: u8, stamp: u64) -> Vec<u8> {
        let mut packet = vec![0; LENGTH];
        (packet[0], packet[1]) = (first, stratum);
        packet[24..32].copy_from_slice(&query[40..48]);
        packet[32..40].copy_from_slice(&stamp.to_be_bytes());
        packet[40..48].copy_from_slice(&(stamp + (1 << 32)).to_be_bytes());
        packet
    }

    #[test]
    fn answers_are_checked() {
        let query = query(Tai64n::from_unix(1_700_000_000, 500_000_000)).unwrap();
        assert_eq!((query.len(), query[0]), (48, 35));
        assert_eq!(query[40..48], [0xe8, 0xfe, 0x6f, 0x80, 0x80, 0, 0, 0]);
        let stamp = (1_700_000_000 + EPOCH.cast_unsigned()) << 32;
        let good = reply(&query, 0x24, 1, stamp);
        let times = (Tai64n::from_unix(1_700_000_000, 0), Tai64n::from_unix(1_700_000_001, 0));
        assert_eq!(answer(&query, &good), Some(times));
        assert_eq!(answer(&query, &[&good[..], &[0; 20]].concat()), Some(times));
        assert_eq!(answer(&query, &reply(&query, 0x22, 1, stamp)), Some(times));
        assert_eq!(answer(&query, &good[..47]), None);
        for (first, stratum) in [(0x23, 1), (0x25, 1), (0x04, 1), (0xe4, 1), (0x24, 0)] {
            assert_eq!(answer(&query, &reply(&query, first, stratum, stamp)), None, "{first:x} {stratum}");
        }
        assert_eq!(answer(&query, &reply(&query, 0x24, 1, 0)), None);
        let mut forged = good;
        forged[31] ^= 1;
        assert_eq!(answer(&query, &forged), None);
    }

    #[test]
    fn the_eras() {
        let at = |unix| stamp(Tai64n::from_unix(unix, 0)).map(|s| s >> 32);
        assert_eq!(at((1 << 32) - EPOCH - 1), Some(0xffff_ffff));
        assert_eq!(at((1 << 32) - EPOCH), Some(0));
        assert_eq!(at((3 << 31) - EPOCH), None);
        assert_eq!(at((1 << 31) - EPOCH - 1), None);
    }

    proptest! {
        #[test]
        fn a_stamp_converts_back_to_its_time(unix in (1_i64 << 31) - EPOCH..(3 << 31) - EPOCH, nanos in 0..1_000_000_000_u32) {
            let t = time(stamp(Tai64n::from_unix(unix, nanos)).unwrap());
            prop_assert_eq!(t.unix_seconds(), unix, "a time stamp keeps its second");
            prop_assert!(t.nanos.abs_diff(nanos) <= 1, "a time stamp keeps its fraction but for a nanosecond");
        }

        #[test]
        fn any_bytes_parse_or_fail(packet in proptest::collection::vec(any::<u8>(), 0..100), now: u64) {
            let _ = answer(&packet, &packet);
            let _ = query(Tai64n { seconds: now, nanos: 0 });
        }
    }
}
