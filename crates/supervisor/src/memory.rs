//! Why a process was killed: by the kernel for lack of memory, or by somebody else.
//!
//! The kernel counts in the container's control group how many processes it has killed for lack of memory.  The number is
//! read when supervision begins, and then only when a process has ended by a SIGKILL that nobody here has sent: if it has
//! grown, that was the kernel.  Supervisor processes and their host share what they have seen of it
//! ([`wire::supervisor_slot::KILLS`]), so that a kill is told of one process only.

use rustix::fs::CWD;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tool::clock::Moment;
use wire::cgroup::{self, Version, show_size};

/// Where control groups are, as a container sees them.
const ROOT: &[u8] = b"/sys/fs/cgroup";

/// At most this much is read of a file.
const FILE_MAX: usize = 8192;

/// At most so many groups are above a process.
const DEPTH_MAX: usize = 32;

/// How long after a look at the number the kills that it showed may be those of processes whose end is noticed later.
const SPARE_TIME: Duration = Duration::from_secs(5);

/// Why a process of a service has ended, besides how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cause {
    /// Its own doing, a command, or a signal that isn't SIGKILL.
    #[default]
    Own,
    /// SIGKILL, which wasn't sent from here.
    Foreign,
    /// The kernel killed it for lack of memory.
    Memory(Shortfall),
}

/// A lack of memory, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// The container's limit, in bytes.
    pub limit: Option<u64>,
    /// The most that the process had in memory, in bytes.
    pub peak: Option<u64>,
}

impl std::fmt::Display for Shortfall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.limit {
            Some(limit) => {
                write!(f, "the container's memory limit of {} was reached", show_size(limit))?;
            }
            None => f.write_str("the machine has run out of memory")?,
        }
        match self.peak {
            Some(peak) => write!(f, " (its own peak: {})", show_size(peak)),
            None => Ok(()),
        }
    }
}

impl Cause {
    /// What has killed the process; `None` if it wasn't killed from outside.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Own => None,
            Self::Foreign => Some("was killed by signal 9, not by us".to_owned()),
            Self::Memory(shortfall) => Some(format!("was killed by the kernel: {shortfall}")),
        }
    }
}

/// What is known of the number of kills: 1 more than what was seen of it, 0 for unknown; how many of these aren't told of a
/// process; and the second of the monotonic clock until which they may be.
pub(crate) type Seen<'a> = [&'a AtomicU32; 3];

/// Whether the kernel has killed the process whose end is told of, now that the number of kills is this.
pub(crate) fn is_by_kernel([seen, spare, until]: Seen<'_>, count: u32, now: Moment) -> bool {
    let second = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
    let before = seen.swap(count.saturating_add(1), Ordering::AcqRel).checked_sub(1);
    match before.map(|before| count.saturating_sub(before)) {
        None => false,
        Some(0) => {
            second <= until.load(Ordering::Acquire)
                && spare.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1)).is_ok()
        }
        Some(more) => {
            spare.store(more.saturating_sub(1), Ordering::Release);
            until.store(
                u32::try_from((now.saturating_add(SPARE_TIME)).as_secs()).unwrap_or(u32::MAX),
                Ordering::Release,
            );
            true
        }
    }
}

/// Begins to count, unless a former host has.
pub(crate) fn begin([seen, ..]: Seen<'_>, count: impl FnOnce() -> Option<u32>) {
    if seen.load(Ordering::Acquire) == 0
        && let Some(count) = count()
    {
        seen.store(count.saturating_add(1), Ordering::Release);
    }
}

/// How many processes of this group the kernel has killed; `None` if that can't be read.
pub(crate) fn kills() -> Option<u32> {
    Group::find().map(|(_, kills)| kills)
}

/// The lowest limit of this group and of those above it that can be seen.
pub(crate) fn limit() -> Option<u64> {
    Group::find()?.0.limit()
}

/// A control group.
struct Group {
    version: Version,
    path: Vec<u8>,
}

fn read(path: &[u8], name: &str) -> Option<Vec<u8>> {
    files::read_file(CWD, &[path, b"/", name.as_bytes()].concat(), FILE_MAX).ok()
}

impl Group {
    /// The group that limits this process's memory, and its number of kills.
    ///
    /// A container sees its own group at the root, most often; where it sees those of others, too, it is where
    /// /proc/self/cgroup says.
    fn find() -> Option<(Self, u32)> {
        let at = |version: Version, path: Vec<u8>| {
            let name = if version == Version::Two { "memory.events" } else { "memory.oom_control" };
            let kills = cgroup::kills(&read(&path, name)?)?;
            Some((Self { version, path }, kills))
        };
        if let Some(found) = at(Version::Two, ROOT.to_vec()) {
            return Some(found);
        }
        let own = files::read_file(CWD, b"/proc/self/cgroup", FILE_MAX).ok()?;
        let of_one = [ROOT, b"/memory"].concat();
        let below = |root: &[u8], version| Some([root, cgroup::path(&own, version)?].concat());
        below(&of_one, Version::One)
            .and_then(|path| at(Version::One, path))
            .or_else(|| at(Version::One, of_one))
            .or_else(|| at(Version::Two, below(ROOT, Version::Two)?))
    }

    fn limit(&self) -> Option<u64> {
        if self.version == Version::One {
            return cgroup::limit(&read(&self.path, "memory.stat")?, Version::One);
        }
        let above = std::iter::successors(Some(self.path.as_slice()), |path| {
            let end = path.iter().rposition(|b| *b == b'/')?;
            path.get(..end).filter(|path| path.len() >= ROOT.len())
        });
        let limits =
            above.take(DEPTH_MAX).filter_map(|path| cgroup::limit(&read(path, "memory.max")?, Version::Two));
        limits.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_told_of_one_process() {
        let words = [const { AtomicU32::new(0) }; 3];
        let seen = words.each_ref();
        let at = |count, second| is_by_kernel(seen, count, Duration::from_secs(second));
        assert!(!at(7, 100), "what was before isn't known");
        assert!(!at(7, 101));
        assert!(at(8, 102));
        assert!(!at(8, 103));
        // Three at once, of which two are noticed in time.
        assert!(at(11, 200) && at(11, 205) && !at(11, 206) && !at(11, 207));
        assert!(at(12, 300) && !at(12, 300));
        begin(seen, || Some(99));
        assert!(!at(12, 301), "it is known already");
        let fresh = [const { AtomicU32::new(0) }; 3];
        begin(fresh.each_ref(), || None);
        begin(fresh.each_ref(), || Some(0));
        assert!(is_by_kernel(fresh.each_ref(), 1, Duration::ZERO));
    }

    #[test]
    fn texts() {
        let cause = |limit, peak| Cause::Memory(Shortfall { limit, peak });
        let causes = [
            Cause::Own,
            Cause::Foreign,
            cause(Some(512 << 20), Some(431 << 20)),
            cause(None, Some(9 << 20)),
            cause(Some(1 << 30), None),
        ];
        let texts: Vec<String> = causes.iter().map(|cause| cause.text().unwrap_or_default() + "\n").collect();
        insta::assert_snapshot!(texts.concat());
    }
}
