//! Whether the file of the local time zone can be trusted with the C library, which reads past the end of a file
//! whose counts are wrong.
//!
//! The form is RFC 9636's (TZif): a header of 44 bytes with six counts, a block of 32-bit times; then, in version 2 and
//! later, both again with 64-bit times, and a footer between newlines.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

/// Where zones are looked for by name.
const FOLDERS: [&str; 3] = ["/usr/share/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo"];

/// Files of more bytes than this aren't zones.
const MOST: u64 = 1 << 20;

/// Whether the zone of the process is given without a file, or by a file without fault.  Looks once.
pub(crate) fn is_sound() -> bool {
    static SOUND: OnceLock<bool> = OnceLock::new();
    *SOUND.get_or_init(|| {
        let Some(name) = std::env::var_os("TZ") else { return file_is_sound(Path::new("/etc/localtime")) };
        let name = name.as_bytes();
        let name = OsStr::from_bytes(name.strip_prefix(b":").unwrap_or(name));
        // A name is looked for in these; an absolute path takes the place of the folder.
        name.is_empty()
            || ["."].iter().chain(&FOLDERS).all(|folder| file_is_sound(&Path::new(folder).join(name)))
    })
}

/// A file that isn't there, or none of this form, isn't used by the C library.
fn file_is_sound(file: &Path) -> bool {
    let mut content = Vec::new();
    let read = std::fs::metadata(file)
        .and_then(|st| {
            if st.is_file() { std::fs::File::open(file) } else { Err(std::io::Error::other("no file")) }
        })
        .and_then(|file| file.take(MOST).read_to_end(&mut content));
    read.is_err() || !content.starts_with(b"TZif") || well_formed(&content).is_some()
}

/// The counts of a header.
struct Counts {
    universal: usize,
    standard: usize,
    leaps: usize,
    times: usize,
    types: usize,
    characters: usize,
}

const HEADER: usize = 44;

impl Counts {
    fn read(header: &[u8]) -> Option<Self> {
        let (words, _) = header.get(20..HEADER)?.as_chunks::<4>();
        let mut counts = words.iter().map(|w| usize::try_from(u32::from_be_bytes(*w)).ok());
        let mut next = || counts.next().flatten().filter(|n| *n <= 1 << 20);
        header.starts_with(b"TZif").then_some(())?;
        Some(Self {
            universal: next()?,
            standard: next()?,
            leaps: next()?,
            times: next()?,
            types: next()?,
            characters: next()?,
        })
    }

    /// The length of the block, with times of so many bytes.
    fn block(&self, time: usize) -> usize {
        self.times * (time + 1)
            + self.types * 6
            + self.characters
            + self.leaps * (time + 4)
            + self.standard
            + self.universal
    }
}

fn well_formed(file: &[u8]) -> Option<()> {
    let first = Counts::read(file)?;
    // Without 64-bit times musl would look for them all the same.
    file.get(4).filter(|version| **version >= b'2')?;
    let file = file.get(HEADER + first.block(4)..)?;
    let counts = Counts::read(file)?;
    let block = file.get(HEADER..HEADER + counts.block(8))?;
    let rest = block.get(counts.times * 8..)?;
    let (indexes, rest) = rest.split_at_checked(counts.times)?;
    let (types, rest) = rest.split_at_checked(counts.types * 6)?;
    let names = rest.get(..counts.characters)?;
    let footer = file.get(HEADER + block.len()..)?.strip_prefix(b"\n")?.strip_suffix(b"\n")?;
    let sound = counts.types > 0
        && indexes.iter().all(|i| usize::from(*i) < counts.types)
        && types.as_chunks::<6>().0.iter().all(|t| usize::from(t[5]) < counts.characters)
        && names.ends_with(b"\0")
        && footer.len() < 256
        && !footer.iter().any(|b| matches!(b, 0 | b'\n'));
    sound.then_some(())
}

#[cfg(test)]
mod tests {
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
    fn a_zone_is_well_formed() {
        assert!(well_formed(&zone()).is_some());
    }

    #[test]
    fn what_would_lead_astray_is_refused() {
        let whole = zone();
        for length in 0..whole.len() {
            assert!(well_formed(&whole[..length]).is_none(), "{length}");
        }
        // The version, each count, the transition's type, a type's name, the end of the names.
        for (at, byte) in [
            (4, 0),
            (23, 1),
            (43, 1),
            (64, 200),
            (68, 1),
            (76, 200),
            (80, 1),
            (84, 9),
            (96, 2),
            (108, 9),
            (116, b'x'),
        ] {
            let mut bad = whole.clone();
            bad[at] = byte;
            assert!(well_formed(&bad).is_none(), "{at}");
        }
    }

    #[test]
    fn files_that_are_no_zones_do_no_harm() {
        for file in ["/nonexistent", "/etc/passwd", "/", "/dev/zero"] {
            assert!(file_is_sound(Path::new(file)), "{file}");
        }
    }
}
