//! Why a process was killed: by the kernel for lack of memory, or by somebody else.
//!
//! The kernel counts in the container's control group how many processes it has killed for lack of memory.  The number is
//! read when supervision begins, when a process has ended by a SIGKILL that nobody here has sent, and when the kernel notifies
//! of a change ([`Watch`]): if it has grown, that was the kernel.  Supervisor processes and their host share what they have seen
//! of it ([`wire::supervisor_slot::KILLS`]), so that a kill is told of one process only.

use rustix::event::epoll::EventFlags;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{CWD, Mode, OFlags};
use std::os::fd::{AsRawFd, OwnedFd};
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
    /// It was found unhealthy.
    Unhealthy,
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
    /// Why a process has ended, or how it was killed by this signal.
    #[must_use]
    pub fn text(&self, signal: u8) -> String {
        let by = || format!("was killed by {}", sys::signal::show(signal.into()));
        match self {
            Self::Own => by(),
            Self::Foreign => by() + ", not by us",
            Self::Memory(shortfall) => format!("was killed by the kernel: {shortfall}"),
            Self::Unhealthy => "ended because it was unhealthy".to_owned(),
        }
    }
}

/// What is known of the number of kills: 1 more than what was seen of it, 0 for unknown; how many of these aren't told of a
/// process; and the second of the monotonic clock until which they may be.
pub(crate) type Seen<'a> = [&'a AtomicU32; 3];

/// A second of the monotonic clock.
fn second(at: Moment) -> u32 {
    u32::try_from(at.as_secs()).unwrap_or(u32::MAX)
}

/// Notes that the number of kills is this: what it has grown by may be told of processes, for a while.
pub(crate) fn note([seen, spare, until]: Seen<'_>, count: u32, now: Moment) {
    let before = seen.swap(count.saturating_add(1), Ordering::AcqRel).checked_sub(1);
    let more = before.map_or(0, |before| count.saturating_sub(before));
    if more > 0 {
        let left =
            if second(now) <= until.load(Ordering::Acquire) { spare.load(Ordering::Acquire) } else { 0 };
        until.store(second(now.saturating_add(SPARE_TIME)), Ordering::Release);
        spare.store(left.saturating_add(more), Ordering::Release);
    }
}

/// Whether the kernel has killed the process whose end is told of, now that the number of kills is this.
pub(crate) fn is_by_kernel(seen: Seen<'_>, count: u32, now: Moment) -> bool {
    note(seen, count, now);
    let [_, spare, until] = seen;
    second(now) <= until.load(Ordering::Acquire)
        && spare.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1)).is_ok()
}

/// From when on no process's end is told by the kills that are left; `None` if none are.
pub(crate) fn left_at([_, spare, until]: Seen<'_>) -> Option<Moment> {
    let after = u64::from(until.load(Ordering::Acquire)).saturating_add(1);
    (spare.load(Ordering::Acquire) > 0).then(|| Duration::from_secs(after))
}

/// The kills that are left, which are none from now on.
pub(crate) fn take_left([_, spare, _]: Seen<'_>) -> u32 {
    spare.swap(0, Ordering::AcqRel)
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
#[must_use]
pub fn kills() -> Option<u32> {
    Group::find().map(|group| group.kills)
}

/// How many bytes of memory this group uses; `None` if that can't be read.
#[must_use]
pub fn usage() -> Option<u64> {
    let group = Group::find()?;
    let name = if group.version == Version::Two { "memory.current" } else { "memory.usage_in_bytes" };
    wire::number::decimal(read(&group.path, name)?.trim_ascii())
}

/// The lowest limit of this group and of those above it that can be seen.
#[must_use]
pub fn limit() -> Option<u64> {
    Group::find()?.limit()
}

/// A number of kills, and what tells that it may have changed.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The number, when this was made.
    pub(crate) kills: u32,
    /// The descriptor on which these events come then, once; `None` if the kernel doesn't notify this process.
    pub(crate) change: Option<(OwnedFd, EventFlags)>,
}

impl Watch {
    /// A new one; `None` if the number can't be read.
    ///
    /// Version 2 notifies on the file itself, since it was read last, also of reclaims at the limit.  Version 1 notifies an
    /// eventfd of a lack of memory, before anything is killed; its files can't be written to in most containers.
    pub(crate) fn open() -> Option<Self> {
        let group = Group::find()?;
        let kills = group.kills;
        let change = match group.version {
            Version::Two => Some((group.file, EventFlags::PRI)),
            Version::One => group.event().map(|event| (event, EventFlags::IN)),
        };
        Some(Self { kills, change })
    }
}

/// A control group whose number of kills can be read.
struct Group {
    version: Version,
    path: Vec<u8>,
    /// The file with that number.
    file: OwnedFd,
    kills: u32,
}

fn open(path: &[u8], name: &str, flags: OFlags) -> Option<OwnedFd> {
    let path = [path, b"/", name.as_bytes()].concat();
    sys::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()).ok()
}

fn read(path: &[u8], name: &str) -> Option<Vec<u8>> {
    files::read_at_most(open(path, name, OFlags::RDONLY)?, FILE_MAX).ok()
}

impl Group {
    /// The group that limits this process's memory.
    ///
    /// A container sees its own group at the root, most often; where it sees those of others, too, it is where
    /// /proc/self/cgroup says.
    fn find() -> Option<Self> {
        let at = |version: Version, path: Vec<u8>| {
            let name = if version == Version::Two { "memory.events" } else { "memory.oom_control" };
            let file = open(&path, name, OFlags::RDONLY)?;
            let kills = cgroup::kills(&files::read_at_most(&file, FILE_MAX).ok()?)?;
            Some(Self { version, path, file, kills })
        };
        if let Some(found) = at(Version::Two, ROOT.to_vec()) {
            return Some(found);
        }
        let own = files::read_file(CWD, b"/proc/self/cgroup", FILE_MAX).ok()?;
        let of_one = [ROOT, b"/memory"].concat();
        let below = |root: &[u8], version| Some([root, cgroup::path(&own, "memory", version)?].concat());
        below(&of_one, Version::One)
            .and_then(|path| at(Version::One, path))
            .or_else(|| at(Version::One, of_one))
            .or_else(|| at(Version::Two, below(ROOT, Version::Two)?))
    }

    /// What version 1 notifies of a lack of memory, as long as it is open.
    fn event(&self) -> Option<OwnedFd> {
        let control = open(&self.path, "cgroup.event_control", OFlags::WRONLY)?;
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
        let line = format!("{} {}", event.as_raw_fd(), self.file.as_raw_fd());
        files::write_all(&control, line.as_bytes()).ok()?;
        Some(event)
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
        // What is noted is told of what ends soon; the rest is left.
        note(seen, 14, Duration::from_secs(400));
        assert_eq!((left_at(seen), at(14, 405)), (Some(Duration::from_secs(406)), true));
        assert_eq!((at(14, 406), take_left(seen), left_at(seen)), (false, 1, None));
        note(seen, 16, Duration::from_secs(500));
        note(seen, 17, Duration::from_secs(505));
        assert_eq!((left_at(seen), take_left(seen)), (Some(Duration::from_secs(511)), 3));
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
        let texts: Vec<String> = causes.iter().map(|cause| cause.text(9)).collect();
        insta::assert_snapshot!(texts.join("\n"));
    }
}
