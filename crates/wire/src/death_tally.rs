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

/// The limit of records in the file.
pub const RECORDS_MAX: usize = 4096;

/// One death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// When the service died.
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

    /// What the reference's s6-supervise wrote: an exit 42, a SIGKILL, a SIGTERM.
    const REFERENCE: &[u8] = b"\x40\0\0\0\x6b\x03\xc3\x64\x33\xfb\x3e\x3a\x2a\0\
        \x40\0\0\0\x6b\x03\xc3\x67\x19\x0d\x64\xa7\x89\x09\
        \x40\0\0\0\x6b\x03\xc3\x67\x1a\x02\x9a\x3d\x8f\x0f";

    #[test]
    fn reads_and_writes_what_the_reference_wrote() {
        let deaths = parse(REFERENCE).unwrap();
        let codes: Vec<_> = deaths.iter().map(|d| (d.exit_code, d.signal)).collect();
        assert_eq!(codes, [(42, 0), (137, 9), (143, 15)]);
        assert_eq!(&deaths[0].stamp.label(), b"@400000006b03c36433fb3e3a");
        assert_eq!(render(&deaths, RECORDS_MAX), REFERENCE);
    }

    #[test]
    fn reads_and_writes_the_layout() {
        let deaths = parse(FILE).unwrap();
        assert_eq!((deaths[0].exit_code, deaths[0].signal), (7, 0));
        assert_eq!((deaths[1].exit_code, deaths[1].signal), (137, 9));
        assert_eq!(render(&deaths, RECORDS_MAX), FILE);
    }

    #[test]
    fn constants_of_the_file() {
        assert_eq!((RECORD, RECORDS_MAX), (14, 4096));
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
