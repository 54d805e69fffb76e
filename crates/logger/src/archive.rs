//! Names of archives, and which of them are too many.
//!
//! An archive is `@` and 24 hexadecimal digits (TAI64N), then `.s`, or `.u` if it was interrupted.

use wire::tai::Tai64n;

/// The name of an archive.
pub fn name(when: Tai64n, suffix: u8) -> Vec<u8> {
    let mut name = when.label().to_vec();
    name.extend([b'.', suffix]);
    name
}

/// The next moment.
pub fn later(when: Tai64n) -> Tai64n {
    match when.nanos {
        999_999_999.. => Tai64n { seconds: when.seconds.saturating_add(1), nanos: 0 },
        nanos => Tai64n { seconds: when.seconds, nanos: nanos + 1 },
    }
}

/// Whether a file is an archive by its name.
pub fn is_archive(name: &[u8]) -> bool {
    name.len() == 27 && Tai64n::from_label(name).is_some() && (name.ends_with(b".s") || name.ends_with(b".u"))
}

/// The names to delete, oldest first, so that at most `count` archives of `total` bytes (0: any) stay.
pub fn surplus(mut archives: Vec<(Vec<u8>, u64)>, count: u32, total: u64) -> Vec<Vec<u8>> {
    archives.sort_unstable();
    let mut size: u64 = archives.iter().map(|(_, size)| size).fold(0, |a, b| a.saturating_add(*b));
    let mut left = archives.len();
    let mut gone = Vec::new();
    for (name, bytes) in archives {
        if left <= count as usize && (total == 0 || size <= total) {
            break;
        }
        left -= 1;
        size -= bytes;
        gone.push(name);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let made = name(Tai64n::from_unix(0, 1), b's');
        assert_eq!(made, b"@400000000000000a00000001.s");
        assert!(is_archive(&made));
        for other in [
            &b"current"[..],
            b"@400000000000000a00000001.x",
            b"@400000000000000a0000001.s",
            b"@400000000000000a00000001.ss",
            // As long as one, ends as one, begins as one: not all of it.
            b"x400000000000000a00000001.s",
            b"short.s",
            b"@400000000000000a00000001..",
        ] {
            assert!(!is_archive(other), "{other:?}");
        }
    }

    #[test]
    fn the_next_moment() {
        let at = |seconds, nanos| Tai64n { seconds, nanos };
        assert_eq!(later(at(7, 0)), at(7, 1));
        assert_eq!(later(at(7, 999_999_998)), at(7, 999_999_999));
        assert_eq!(later(at(7, 999_999_999)), at(8, 0));
        assert_eq!(later(at(u64::MAX, 999_999_999)), at(u64::MAX, 0));
    }

    #[test]
    fn the_oldest_go() {
        let archives = || [("c", 10), ("a", 10), ("b", 10)].map(|(n, s)| (n.as_bytes().to_vec(), s)).to_vec();
        assert_eq!(surplus(archives(), 2, 0), [b"a"]);
        assert_eq!(surplus(archives(), 0, 0), [b"a", b"b", b"c"]);
        assert_eq!(surplus(archives(), 3, 25), [b"a"]);
        assert_eq!(surplus(archives(), 3, 9), [b"a", b"b", b"c"]);
        assert!(surplus(archives(), 3, 30).is_empty());
    }
}
