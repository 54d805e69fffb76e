//! Zone files of the form TZif, RFC 9636.
//!
//! | part | what |
//! |---|---|
//! | header | 44 bytes: `TZif`, a version, 15 bytes that aren't used, six counts of 32 bits, big-endian |
//! | block | transitions with times of 32 bits, their types, the types' offsets, names, leap seconds, indicators |
//! | header, block | from version 2 on: both again, with times of 64 bits |
//! | footer | from version 2 on: between newlines, POSIX's form for what comes after the last transition; may be empty |

use super::Zone;
use super::rule::Rule;

impl Zone {
    /// The zone that a file's content describes; `None` if it isn't of the form TZif.
    #[must_use]
    pub fn parse(file: &[u8]) -> Option<Self> {
        let counts = Counts::read(file)?;
        if *file.get(4)? < b'2' {
            let (zone, _) = counts.block(file.get(HEADER..)?, 4)?;
            return Some(zone);
        }
        let file = file.get(HEADER + counts.length(4)..)?;
        let (mut zone, rest) = Counts::read(file)?.block(file.get(HEADER..)?, 8)?;
        let footer = rest.strip_prefix(b"\n")?.strip_suffix(b"\n")?;
        if !footer.is_empty() {
            zone.rule = Some(Rule::parse(footer)?);
        }
        Some(zone)
    }
}

/// Length of a header in bytes.
const HEADER: usize = 44;

/// The limit of each count: no file has more of anything.
const COUNT_MAX: usize = 1 << 20;

/// The counts of a header.
struct Counts {
    universal: usize,
    standard: usize,
    leaps: usize,
    times: usize,
    types: usize,
    characters: usize,
}

impl Counts {
    fn read(header: &[u8]) -> Option<Self> {
        header.strip_prefix(b"TZif")?;
        let (words, _) = header.get(20..HEADER)?.as_chunks::<4>();
        let mut counts = words.iter().map(|word| usize::try_from(u32::from_be_bytes(*word)).ok());
        // With this limit, their sum can't overflow.
        let mut next = || counts.next().flatten().filter(|n| *n <= COUNT_MAX);
        Some(Self {
            universal: next()?,
            standard: next()?,
            leaps: next()?,
            times: next()?,
            types: next()?,
            characters: next()?,
        })
    }

    /// The length of the block, if a time has `time` bytes.
    fn length(&self, time: usize) -> usize {
        self.times * (time + 1)
            + self.types * 6
            + self.characters
            + self.leaps * (time + 4)
            + self.standard
            + self.universal
    }

    /// The zone that a block describes, and what comes after the block.
    fn block<'a>(&self, bytes: &'a [u8], time: usize) -> Option<(Zone, &'a [u8])> {
        let (block, rest) = bytes.split_at_checked(self.length(time))?;
        let (times, block) = block.split_at_checked(self.times * time)?;
        let (indexes, block) = block.split_at_checked(self.times)?;
        let (types, _) = block.get(..self.types * 6)?.as_chunks::<6>();
        let offset = |kind: &[u8; 6]| i32::from_be_bytes([kind[0], kind[1], kind[2], kind[3]]);
        let mut transitions = Vec::with_capacity(self.times);
        for (at, index) in times.chunks_exact(time).zip(indexes) {
            let at = match *at {
                [a, b, c, d] => i32::from_be_bytes([a, b, c, d]).into(),
                _ => i64::from_be_bytes(at.try_into().ok()?),
            };
            transitions.push((at, types.get(usize::from(*index)).map(offset)?));
        }
        transitions.is_sorted_by_key(|(at, _)| *at).then_some(())?;
        Some((Zone { initial: types.first().map(offset)?, transitions, rule: None }, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::TIMES;
    use super::*;

    /// A zone with one transition between two types.
    fn zone() -> Vec<u8> {
        let header =
            |counts: [u32; 6]| [&b"TZif2"[..], &[0; 15], &counts.map(u32::to_be_bytes).concat()].concat();
        let types = [0, 0, 0, 0, 0, 0, 0, 0, 14, 16, 1, 4];
        let block = [&[0; 8][..], &[1], &types, b"UTC\0CET\0", &[0, 0]].concat();
        [header([0; 6]), header([1, 1, 0, 1, 2, 8]), block, b"\nCET-1\n".to_vec()].concat()
    }

    #[test]
    fn a_file_says_what_holds_when() {
        let zone = Zone::parse(&zone()).unwrap();
        assert_eq!([-1, 0, 1].map(|t| zone.offset(t)), [0, 3600, 3600]);
        // Version 1: times of 32 bits, and nothing after them.
        let counts = [0, 0, 0, 1, 1, 1].map(u32::to_be_bytes).concat();
        let old =
            [&b"TZif\0"[..], &[0; 15], &counts, &[0, 0, 0, 5], &[0], &[0, 0, 0, 60, 0, 0], &[0]].concat();
        assert_eq!(Zone::parse(&old).unwrap().offset(7), 60);
    }

    #[test]
    fn a_damaged_file_is_refused_or_harmless() {
        let whole = zone();
        for length in 0..whole.len() {
            assert_eq!(Zone::parse(&whole[..length]), None, "{length}");
        }
        for at in 0..whole.len() {
            for byte in 0..=255 {
                let mut bad = whole.clone();
                bad[at] = byte;
                if let Some(zone) = Zone::parse(&bad) {
                    assert!(TIMES.iter().all(|t| zone.offset(*t).abs() <= 1 << 31));
                }
            }
        }
        // Each count, the transition's type, the footer.
        for (at, byte) in
            [(23, 1), (43, 1), (64, 200), (68, 1), (76, 200), (80, 1), (84, 9), (96, 2), (119, b'x')]
        {
            let mut bad = whole.clone();
            bad[at] = byte;
            assert_eq!(Zone::parse(&bad), None, "{at}");
        }
    }
}
