//! What files of control groups say about memory and processors, in both versions (Linux, admin-guide/cgroup-v2,
//! cgroup-v1/memory and scheduler/sched-bwc).
//!
//! | file | version | what is read |
//! |---|---|---|
//! | `/proc/self/cgroup` | | lines `HIERARCHY:CONTROLLERS:PATH`; version 2 has `0::PATH` |
//! | `memory.events` | 2 | a line `oom_kill N` |
//! | `memory.max` | 2 | bytes, or `max` |
//! | `memory.oom_control` | 1 | a line `oom_kill N` |
//! | `memory.stat` | 1 | a line `hierarchical_memory_limit N` |
//! | `cpu.max` | 2 | `QUOTA PERIOD`, or `max PERIOD` |
//! | `cpu.cfs_quota_us`, `cpu.cfs_period_us` | 1 | a number each; -1 for no quota |

use crate::number::decimal;

/// From here on, a limit of version 1 is none: the kernel writes the highest number of pages.
const NO_LIMIT: u64 = 1 << 60;

/// A version of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The one with a hierarchy for each controller.
    One,
    /// The unified hierarchy.
    Two,
}

/// The path of a process's group for a controller such as `memory` in this version, from the text of its `/proc/PID/cgroup`.
#[must_use]
pub fn path<'t>(text: &'t [u8], controller: &str, version: Version) -> Option<&'t [u8]> {
    text.split(|b| *b == b'\n').find_map(|line| {
        let mut parts = line.splitn(3, |b| *b == b':');
        let (hierarchy, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let is_it = match version {
            Version::One => controllers.split(|b| *b == b',').any(|name| name == controller.as_bytes()),
            Version::Two => hierarchy == b"0" && controllers.is_empty(),
        };
        (is_it && path.starts_with(b"/")).then_some(path)
    })
}

/// How many processes of the group the kernel has killed for lack of memory, from `memory.events` or
/// `memory.oom_control`.
#[must_use]
pub fn kills(text: &[u8]) -> Option<u32> {
    let count: u64 = field(text, b"oom_kill")?;
    Some(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The limit in bytes, from `memory.max` of version 2 or `memory.stat` of version 1; `None` for none.
#[must_use]
pub fn limit(text: &[u8], version: Version) -> Option<u64> {
    let limit = match version {
        Version::One => field(text, b"hierarchical_memory_limit"),
        Version::Two => decimal(text.trim_ascii()),
    };
    limit.filter(|bytes| *bytes < NO_LIMIT)
}

/// How many processors a process may keep busy, at least one: those that it may run on, or fewer if a quota is less.  A quota is the
/// text of a `cpu.max`, or of both files of version 1 in one line.
#[must_use]
pub fn processors(allowed: u32, quotas: &[Vec<u8>]) -> u32 {
    let mut count = u64::from(allowed);
    for text in quotas {
        let mut numbers = text.split(u8::is_ascii_whitespace).map(decimal::<u64>);
        if let (Some(Some(quota)), Some(Some(period @ 1..))) = (numbers.next(), numbers.next()) {
            count = count.min(quota.div_ceil(period));
        }
    }
    u32::try_from(count).unwrap_or(u32::MAX).max(1)
}

fn field(text: &[u8], name: &[u8]) -> Option<u64> {
    text.split(|b| *b == b'\n').find_map(|line| {
        let (key, value) = line.split_at_checked(name.len())?;
        (key == name).then(|| decimal(value.strip_prefix(b" ")?.trim_ascii()))?
    })
}

/// A number of bytes for people: `512 MiB`, `1.5 GiB`.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((size, unit)) = UNITS.into_iter().find(|(size, _)| bytes >= *size) else {
        return format!("{bytes} bytes");
    };
    let (whole, rest) = (bytes / size, bytes % size);
    match rest.saturating_mul(10) / size {
        tenth if tenth > 0 && whole < 10 => format!("{whole}.{tenth} {unit}"),
        _ => format!("{whole} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_a_process() {
        let hybrid = b"9:name=systemd:/\n4:cpu,memory:/docker/ab:c\n3:memory2:/no\n0::/unified\n";
        assert_eq!(path(hybrid, "memory", Version::One), Some(&b"/docker/ab:c"[..]));
        assert_eq!(path(hybrid, "memory", Version::Two), Some(&b"/unified"[..]));
        assert_eq!(path(hybrid, "cpu", Version::One), Some(&b"/docker/ab:c"[..]));
        assert_eq!(path(b"0::/\n", "memory", Version::Two), Some(&b"/"[..]));
        for text in ["", "0::/\n", "4:memory", "4:memory:relative", "x"] {
            assert_eq!(path(text.as_bytes(), "memory", Version::One), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_kills() {
        let events = b"low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n";
        assert_eq!(kills(events), Some(2));
        assert_eq!(kills(b"oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), Some(7));
        assert_eq!(kills(b"oom_kill 99999999999\n"), Some(u32::MAX));
        for text in ["", "oom_kill", "oom_kill x", "oom_kill_disable 1\n", "oom_kill 99999999999999999999999"]
        {
            assert_eq!(kills(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!(limit(b"536870912\n", Version::Two), Some(512 << 20));
        assert_eq!((limit(b"max\n", Version::Two), limit(b"", Version::Two)), (None, None));
        let stat = b"cache 5\nhierarchical_memory_limit 1048576\ntotal_cache 5\n";
        assert_eq!(limit(stat, Version::One), Some(1 << 20));
        assert_eq!(limit(b"hierarchical_memory_limit 9223372036854771712\n", Version::One), None);
    }

    #[test]
    fn processors_are_those_allowed_or_as_many_as_the_quota_fills() {
        for (allowed, quotas, expected) in [
            (8, &["max 100000\n"][..], 8),
            (8, &["150000 100000\n"], 2),
            (8, &["50000 100000\n"], 1),
            (8, &["-1 100000"], 8),
            (8, &["400000 100000\n", "max 100000", "300000 100000"], 3),
            (2, &["400000 100000\n"], 2),
            (8, &["0 100000"], 1),
            (8, &["100000 0"], 8),
            (8, &["", "x", "5"], 8),
            (0, &[], 1),
        ] {
            let texts: Vec<Vec<u8>> = quotas.iter().map(|text| text.as_bytes().to_vec()).collect();
            assert_eq!(processors(allowed, &texts), expected, "{allowed} {quotas:?}");
        }
    }

    #[test]
    fn sizes() {
        let shown =
            [0, 1023, 1024, 1 << 20, 1_572_864, 452_984_832, 512 << 20, 3 << 29, 37_580_963_840, u64::MAX]
                .map(show_size)
                .join(", ");
        assert_eq!(
            shown,
            "0 bytes, 1023 bytes, 1 KiB, 1 MiB, 1.5 MiB, 432 MiB, 512 MiB, 1.5 GiB, 35 GiB, 17179869183 GiB"
        );
    }
}
