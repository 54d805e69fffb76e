//! Reads processes from /proc, as far as the fields need it.

use files::{for_each_entry, open_dir, read_file};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use sys::fs::openat;
use wire::proc_stat::Stat;

/// One process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) stat: Stat,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Words, each ended by a NUL byte; `None` without permission to read them.
    pub(crate) args: Option<Vec<u8>>,
    /// The same for the environment.
    pub(crate) env: Option<Vec<u8>>,
    /// The name of the kernel function that it waits in.
    pub(crate) waits_in: Option<Vec<u8>>,
}

/// What to read besides `stat`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) args: bool,
    pub(crate) env: bool,
    pub(crate) waits_in: bool,
}

/// The limit in bytes of a command line or an environment.
const MAX_TEXT: usize = 64 * 1024;

/// All processes, in ascending order of their ids.
///
/// # Errors
/// /proc can't be listed.
pub(crate) fn all(wanted: Wanted) -> Result<Vec<Process>, Errno> {
    let proc = open_dir(CWD, b"/proc")?;
    let mut pids = Vec::new();
    for_each_entry(&proc, &mut |name, _| {
        pids.extend(wire::number::decimal::<u32>(name.to_bytes()));
        Ok(())
    })?;
    pids.sort_unstable();
    // Processes that have ended meanwhile are left out.
    Ok(pids.into_iter().filter_map(|pid| one(&proc, pid, wanted)).collect())
}

fn one(proc: &OwnedFd, pid: u32, wanted: Wanted) -> Option<Process> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(proc, pid.to_string(), flags, Mode::empty()).ok()?;
    let owner = sys::fs::fstat(&dir).ok()?;
    let read = |name: &str| read_file(&dir, name.as_bytes(), MAX_TEXT).ok();
    let read_if = |is_wanted: bool, name: &str| if is_wanted { read(name) } else { None };
    Some(Process {
        stat: Stat::parse(&read("stat")?)?,
        uid: owner.st_uid,
        gid: owner.st_gid,
        args: read_if(wanted.args, "cmdline"),
        env: read_if(wanted.env, "environ"),
        waits_in: read_if(wanted.waits_in, "wchan"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_among_them() {
        let own = std::process::id();
        let found = all(Wanted { args: true, env: true, waits_in: false }).unwrap();
        let process = found.iter().find(|p| p.stat.pid == u64::from(own)).unwrap();
        assert!(process.args.as_ref().is_some_and(|a| !a.is_empty()));
        assert!(process.env.is_some() && process.waits_in.is_none());
        assert!(found.windows(2).all(|two| two[0].stat.pid < two[1].stat.pid));
    }
}
