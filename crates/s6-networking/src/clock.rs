//! Differences between clocks: how they are measured over a network, and the format in which programs exchange them.
//!
//! A difference is a number of nanoseconds, positive if the local clock is slow.  s6-sntpclock and s6-taiclock write it,
//! s6-clockadd and s6-clockview read it, as the difference of two TAI64N labels:
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | seconds, rounded down, two's complement, big-endian |
//! | 8–11 | nanoseconds, big-endian, below 10^9 |

use rustix::io::Errno;
use rustix::stdio::stdin;
use tool::{Fatal, OrUnable};
use wire::tai::{PACKED, Tai64n};

/// Nanoseconds in a second.
const NANOS: i128 = 1_000_000_000;

/// A time in nanoseconds.
fn nanos(t: Tai64n) -> i128 {
    i128::from(t.seconds) * NANOS + i128::from(t.nanos)
}

/// The time `difference` nanoseconds after `t`; `None` if a label can't represent it.
#[must_use]
pub(crate) fn later(t: Tai64n, difference: i128) -> Option<Tai64n> {
    let sum = nanos(t).checked_add(difference)?;
    let seconds = u64::try_from(sum.div_euclid(NANOS)).ok()?;
    Some(Tai64n { seconds, nanos: u32::try_from(sum.rem_euclid(NANOS)).ok()? })
}

/// The 12 bytes of a difference; `None` beyond 2^63 seconds.
#[must_use]
pub fn pack(difference: i128) -> Option<[u8; PACKED]> {
    let seconds = i64::try_from(difference.div_euclid(NANOS)).ok()?;
    let nanos = u32::try_from(difference.rem_euclid(NANOS)).ok()?;
    Some(Tai64n { seconds: seconds.cast_unsigned(), nanos }.pack())
}

/// Reads the 12 bytes; `None` for a wrong length or more than 999,999,999 ns.
#[must_use]
pub fn unpack(bytes: &[u8]) -> Option<i128> {
    let t = Tai64n::unpack(bytes).filter(|_| bytes.len() == PACKED)?;
    Some(i128::from(t.seconds.cast_signed()) * NANOS + i128::from(t.nanos))
}

/// Reads a difference from standard input; what follows it is left unread.
pub(crate) fn read() -> Result<i128, Fatal> {
    let mut bytes = [0; PACKED];
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..).filter(|r| !r.is_empty()) {
        match rustix::io::read(stdin(), room) {
            Err(Errno::INTR) => {}
            done => match done.or_unable(|| "read standard input")? {
                0 => break,
                n => length += n,
            },
        }
    }
    unpack(bytes.get(..length).unwrap_or_default()).ok_or_else(|| {
        let text =
            "standard input contains no time difference, the 12 bytes that s6-taiclock or s6-sntpclock writes";
        Fatal::new(111, text)
    })
}

/// A difference as text: `-0.000000123 s`.
pub(crate) fn show(difference: i128) -> String {
    let (sign, size) = (if difference < 0 { "-" } else { "" }, difference.unsigned_abs());
    format!("{sign}{}.{:09} s", size / NANOS.unsigned_abs(), size % NANOS.unsigned_abs())
}

/// The range that contains the difference between a server's clock and the local one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    low: i128,
    high: i128,
}

impl Range {
    /// Starts with the assumption that the difference is at most this many seconds.
    #[must_use]
    pub fn within(seconds: i64) -> Self {
        let limit = i128::from(seconds) * NANOS;
        Self { low: -limit, high: limit }
    }

    /// Narrows the range by an exchange: by the local clock, the query was sent at `sent` and its answer arrived at
    /// `arrived`; by the server's clock, the query was received at `received` and the answer was sent at `answered`.
    ///
    /// No message arrives before it was sent, so the difference is at most `received - sent` and at least
    /// `answered - arrived`.  A bound outside the range, because a clock was set meanwhile, is ignored.
    pub fn narrow(&mut self, sent: Tai64n, received: Tai64n, answered: Tai64n, arrived: Tai64n) {
        let high = nanos(received) - nanos(sent);
        if (self.low..self.high).contains(&high) {
            self.high = high;
        }
        let low = nanos(answered) - nanos(arrived);
        if (self.low..self.high).contains(&low) {
            self.low = low;
        }
    }

    /// The best estimate of the difference.
    #[must_use]
    pub fn middle(&self) -> i128 {
        (self.low + self.high).div_euclid(2)
    }

    /// The width of the range.
    #[must_use]
    pub fn uncertainty(&self) -> i128 {
        self.high - self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_and_the_text_of_differences() {
        assert_eq!(pack(1_500_000_000).unwrap(), [0, 0, 0, 0, 0, 0, 0, 1, 0x1d, 0xcd, 0x65, 0]);
        assert_eq!(pack(-1).unwrap()[..8], [0xff; 8]);
        assert_eq!(unpack(&[0xff; 12]), None);
        assert_eq!(unpack(&[0; 11]), None);
        assert_eq!(unpack(&[0; 13]), None);
        assert_eq!(pack(i128::from(i64::MAX) * NANOS + NANOS), None);
        assert_eq!(show(-123), "-0.000000123 s");
        assert_eq!(show(61 * NANOS + 5), "61.000000005 s");
    }

    fn at(ns: i128) -> Tai64n {
        later(Tai64n::from_unix(1_700_000_000, 0), ns).unwrap()
    }

    #[test]
    fn an_exchange_narrows_the_range() {
        let mut range = Range::within(1000);
        // The local clock is 5 s slow; the way there takes 1 s, the way back 3 s.
        range.narrow(at(0), at(6 * NANOS), at(6 * NANOS), at(4 * NANOS));
        assert_eq!(range, Range { low: 2 * NANOS, high: 6 * NANOS });
        assert_eq!((range.middle(), range.uncertainty()), (4 * NANOS, 4 * NANOS));
        // The clock was set meanwhile.
        range.narrow(at(0), at(50 * NANOS), at(50 * NANOS), at(0));
        assert_eq!(range.middle(), 4 * NANOS);
    }

    proptest! {
        #[test]
        fn a_packed_difference_unpacks_to_itself(difference in -(1_i128 << 90)..(1 << 90)) {
            if let Some(bytes) = pack(difference) {
                prop_assert_eq!(unpack(&bytes), Some(difference), "a difference is unpacked as it was packed");
            }
        }

        #[test]
        fn the_true_difference_stays_in_the_range(
            truth in -500_000_000_000_i128..500_000_000_000,
            ways in proptest::collection::vec((0..1_000_000_000_i128, 0..1_000_000_000_i128), 1..20),
        ) {
            let mut range = Range::within(1000);
            for (there, back) in ways {
                let known = range.uncertainty();
                range.narrow(at(0), at(there + truth), at(there + truth), at(there + back));
                prop_assert!(range.low <= truth && truth <= range.high, "the truth is within the range");
                prop_assert!(range.uncertainty() <= known, "another answer makes nothing more uncertain");
            }
        }
    }
}
