//! The processes in /proc.

use crate::{diag, path};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use wire::proc_stat::Stat;

/// More than any line of `/proc/PID/stat` has.
const STAT_MAX: usize = 4096;

/// All processes, without those that vanish meanwhile.
///
/// # Errors
/// /proc can't be listed.
pub fn all() -> Result<Vec<Stat>, Errno> {
    let mut found = Vec::new();
    each(&|_| true, &mut |stat| found.push(stat))?;
    Ok(found)
}

/// Calls `each` with each process whose number is wanted, without those that vanish meanwhile: a list of many takes more time
/// than the look at them.
///
/// # Errors
/// /proc can't be listed.
pub fn each(is_wanted: &dyn Fn(u64) -> bool, each: &mut dyn FnMut(Stat)) -> Result<(), Errno> {
    let dir = files::open_dir(CWD, b"/proc")?;
    let mut line = [0; STAT_MAX];
    files::for_each_entry(&dir, &mut |name, _| {
        if wire::number::decimal(name.to_bytes()).is_some_and(is_wanted) {
            let file = path::join(name.to_bytes(), b"stat");
            let file = sys::fs::openat(&dir, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            // One read gives all of it.
            let read = file.and_then(|file| rustix::io::read(file, &mut line)).unwrap_or(0);
            line.get(..read).and_then(Stat::parse).into_iter().for_each(&mut *each);
        }
        Ok(())
    })
}

/// How many processes [`describe_with_children`] names.
const CHAIN_MAX: usize = 3;

/// Describes a process for a message, with its oldest child and that one's: what a script runs at the moment.
#[must_use]
pub fn describe_with_children(pid: u32) -> String {
    let all = all().unwrap_or_default();
    let mut text = diag::process(pid);
    for child in oldest_children(&all, pid).take(CHAIN_MAX.saturating_sub(1)) {
        text.push_str(&format!(", which runs {}", diag::process(child)));
    }
    text
}

/// The oldest living child of a process, that one's, and so on.
fn oldest_children(all: &[Stat], pid: u32) -> impl Iterator<Item = u32> {
    let child_of = |parent: u32| {
        let children = all.iter().filter(move |stat| stat.ppid == u64::from(parent) && !stat.is_dead());
        let oldest = children.min_by_key(|stat| (stat.start, stat.pid))?;
        u32::try_from(oldest.pid).ok().filter(|child| *child != parent)
    };
    std::iter::successors(child_of(pid), move |parent| child_of(*parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_runs_is_its_oldest_child() {
        let stat = |pid, ppid, start, state| Stat { pid, ppid, start, state, ..Stat::default() };
        let all = [
            stat(5, 1, 0, b'S'),
            stat(9, 5, 3, b'S'),
            stat(8, 5, 4, b'S'),
            stat(7, 5, 1, b'Z'),
            stat(6, 9, 9, b'R'),
            stat(4, 8, 9, b'R'),
        ];
        assert_eq!(oldest_children(&all, 5).collect::<Vec<_>>(), [9, 6]);
        assert_eq!(oldest_children(&all, 6).count(), 0);
        let own = std::process::id();
        assert!(describe_with_children(own).starts_with(&format!("{own} (")));
    }

    #[test]
    fn this_process_is_listed() {
        let own = u64::from(std::process::id());
        assert!(all().unwrap().iter().any(|stat| stat.pid == own));
    }
}
