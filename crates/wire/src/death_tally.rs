//! The last deaths of a supervised service: `supervise/death_tally`, oldest first.
//!
//! Each record:
//!
//! | bytes | what |
//! |---|---|
//! | 0–11 | TAI64N of the death |
//! | 12 | exit code; 128 + signal for a death by signal |
//! | 13 | signal, 0 for an exit |

use crate::tai::{PACKED, Tai64n};

/// Length of a record in bytes.
pub const RECORD: usize = PACKED + 2;

/// The most records that a supervisor keeps.
pub const MAX: usize = 4096;

/// One death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// When.
    pub stamp: Tai64n,
    /// The exit code; 128 + signal for a death by signal.
    pub exit_code: u8,
    /// The signal, 0 for an exit.
    pub signal: u8,
}

impl Death {
    /// The packed form.
    #[must_use]
    pub fn pack(&self) -> [u8; RECORD] {
        let mut out = [0; RECORD];
        let (stamp, rest) = out.split_at_mut(PACKED);
        stamp.copy_from_slice(&self.stamp.pack());
        rest.copy_from_slice(&[self.exit_code, self.signal]);
        out
    }

    /// From the packed form; `None` if the length or the time stamp is wrong.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let (stamp, rest) = bytes.split_at_checked(PACKED)?;
        let [exit_code, signal] = rest.try_into().ok()?;
        Some(Self { stamp: Tai64n::unpack(stamp)?, exit_code, signal })
    }
}

/// The records of a file; `None` if its length is no whole number of records or one of them is damaged.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Vec<Death>> {
    if !bytes.len().is_multiple_of(RECORD) {
        return None;
    }
    bytes.chunks_exact(RECORD).map(Death::unpack).collect()
}

/// The file's content: at most `max` records, the latest ones.
#[must_use]
pub fn render(deaths: &[Death], max: usize) -> Vec<u8> {
    deaths.iter().skip(deaths.len().saturating_sub(max)).flat_map(Death::pack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"\x40\0\0\0\x65\x53\xf1\x0a\0\0\0\x01\x07\x00\
        \x40\0\0\0\x65\x53\xf1\x0b\0\0\0\x02\x89\x09";

    #[test]
    fn reads_and_writes_the_layout() {
        let deaths = parse(FILE).unwrap();
        assert_eq!((deaths[0].exit_code, deaths[0].signal), (7, 0));
        assert_eq!((deaths[1].exit_code, deaths[1].signal), (137, 9));
        assert_eq!(render(&deaths, MAX), FILE);
    }

    #[test]
    fn keeps_the_latest() {
        let deaths = parse(FILE).unwrap();
        assert_eq!(render(&deaths, 1), &FILE[RECORD..]);
        assert!(render(&deaths, 0).is_empty());
    }

    #[test]
    fn refuses_damage() {
        assert_eq!(parse(&FILE[1..]), None);
        assert_eq!(parse(&[0xff; RECORD]), None);
    }
}
