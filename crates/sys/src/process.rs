//! Processes: fork, exec and the status of a child.

use crate::missing::is_missing;
use crate::strings::Strings;
use rustix::io::Errno;
use rustix::process::Pid;
use std::ffi::CString;
use std::sync::atomic::AtomicU32;

/// Which side of a fork this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The parent, with the child's process id.
    Parent(Pid),
    /// The child.
    Child,
}

/// fork(2).
pub fn fork() -> Result<Fork, Errno> {
    // SAFETY: the process has one thread, so the child may go on with any code.
    match unsafe { libc::fork() } {
        -1 => Err(crate::errno::last()),
        n => Ok(Pid::from_raw(n).map_or(Fork::Child, Fork::Parent)),
    }
}

/// fork(2); the kernel stores the child's process id in `note` before the child runs.
pub fn fork_noted(note: Option<&AtomicU32>) -> Result<Fork, Errno> {
    let Some(note) = note else { return fork() };
    let flags = libc::c_long::from(libc::SIGCHLD | libc::CLONE_PARENT_SETTID);
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the process has one thread, so the child may go on with any code, on its copy of the same stack; the note
    // outlives the call.
    match unsafe { libc::syscall(libc::SYS_clone, flags, none, note.as_ptr(), none, none) } {
        -1 => Err(crate::errno::last()),
        n => Ok(i32::try_from(n).ok().and_then(Pid::from_raw).map_or(Fork::Child, Fork::Parent)),
    }
}

/// execve(2): returns only if it fails.  Strings with a NUL byte give `INVAL`.  Without an environment, the new program
/// gets the one that this process got.
#[must_use]
pub fn execve(file: &[u8], argv: &[Vec<u8>], env: Option<&[Vec<u8>]>) -> Errno {
    let env = env.map_or_else(|| Ok(Strings::of_environment()), Strings::new);
    let (Ok(file), Ok(argv), Ok(env)) = (CString::new(file), Strings::new(argv), env) else {
        return Errno::INVAL;
    };
    // SAFETY: all three are NUL-terminated, the vectors end with a null pointer and outlive the call.
    unsafe { libc::execve(file.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    crate::errno::last()
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this code.
    Exited(u8),
    /// This signal killed it.
    Killed(u8),
}

impl Ended {
    /// The exit code that a shell reports: the code itself, or 128 + the signal's number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(c) => c,
            Self::Killed(s) => s.wrapping_add(128),
        }
    }

    /// The raw status of wait(2), as the supervision status file stores it.
    #[must_use]
    pub fn wstat(self) -> u16 {
        match self {
            Self::Exited(c) => u16::from(c) << 8,
            Self::Killed(s) => u16::from(s),
        }
    }

    /// From the low half of a raw status of wait(2) that tells of an end: the reverse of [`Ended::wstat`].
    #[must_use]
    pub fn from_wstat(wstat: u16) -> Self {
        let [code, signal] = wstat.to_be_bytes();
        if signal == 0 { Self::Exited(code) } else { Self::Killed(signal & 0x7f) }
    }

    fn from_raw(status: libc::c_int) -> Option<Self> {
        if libc::WIFEXITED(status) {
            Some(Self::Exited(u8::try_from(libc::WEXITSTATUS(status) & 0xff).unwrap_or(0)))
        } else if libc::WIFSIGNALED(status) {
            Some(Self::Killed(u8::try_from(libc::WTERMSIG(status)).unwrap_or(0)))
        } else {
            None
        }
    }
}

fn wait4(pid: libc::pid_t, flags: libc::c_int) -> Result<Option<(Pid, Ended)>, Errno> {
    Ok(wait4_with_peak(pid, flags)?.map(|(pid, ended, _)| (pid, ended)))
}

/// With the most memory that the process had, in KiB.
fn wait4_with_peak(
    pid: libc::pid_t,
    flags: libc::c_int,
) -> Result<Option<(Pid, Ended, libc::c_long)>, Errno> {
    loop {
        let mut status = 0;
        // SAFETY: all-zero bytes are a valid `rusage`.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: `status` and `usage` are writable.
        let n = unsafe { libc::wait4(pid, &mut status, flags, &mut usage) };
        if n == -1 {
            match crate::errno::last() {
                Errno::INTR => continue,
                e => return Err(e),
            }
        }
        match (Pid::from_raw(n), Ended::from_raw(status)) {
            (None, _) => return Ok(None),
            (Some(p), Some(e)) => return Ok(Some((p, e, usage.ru_maxrss))),
            (Some(_), None) => {}
        }
    }
}

/// Waits until the child has ended.
pub fn wait_for(pid: Pid) -> Result<Ended, Errno> {
    wait4(pid.as_raw_nonzero().get(), 0)?.map(|(_, e)| e).ok_or(Errno::CHILD)
}

/// Waits until some child has ended.
pub fn wait_any() -> Result<(Pid, Ended), Errno> {
    wait4(-1, 0)?.ok_or(Errno::CHILD)
}

/// Reaps one child that has ended: `None` while all children live, `CHILD` if there are none.
pub fn reap() -> Result<Option<(Pid, Ended)>, Errno> {
    wait4(-1, libc::WNOHANG)
}

/// As [`reap`], but the child is not reaped yet, unless waitid(2) is denied.
pub fn peek() -> Result<Option<(Pid, Ended)>, Errno> {
    // SAFETY: all-zero bytes are a valid `siginfo_t`.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the structure is valid for the call, which fills it in.
    match check(unsafe { libc::waitid(libc::P_ALL, 0, &mut info, options) }) {
        Err(e) if is_missing(e) => return reap(),
        done => done?,
    }
    // SAFETY: waitid fills in these two; they are 0 if no child has ended.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let status = u8::try_from(status & 0xff).unwrap_or_default();
    let how = if info.si_code == libc::CLD_EXITED { Ended::Exited(status) } else { Ended::Killed(status) };
    Ok(Pid::from_raw(pid).map(|pid| (pid, how)))
}

/// Whether a process is a child of this one, alive or not yet reaped.
#[must_use]
pub fn is_child(pid: Pid) -> bool {
    // SAFETY: all-zero bytes are a valid `siginfo_t`.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    let number = pid.as_raw_nonzero().get();
    // SAFETY: the structure is valid for the call, which fills it in.
    match check(unsafe { libc::waitid(libc::P_PID, number.unsigned_abs(), &mut info, options) }) {
        Err(Errno::CHILD) => false,
        Err(e) if is_missing(e) => parent(pid) == Some(rustix::process::getpid()),
        _ => true,
    }
}

/// The parent of a process, from /proc.
fn parent(pid: Pid) -> Option<Pid> {
    parent_in(&std::fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
}

/// The parent in such a file; a number that no process can have is none.
fn parent_in(stat: &[u8]) -> Option<Pid> {
    // The name is in parentheses and may have any bytes; the state and the parent follow.
    let end = stat.iter().rposition(|b| *b == b')')?;
    let word = stat.get(end..)?.split(|b| *b == b' ').nth(2)?;
    let number: u32 = std::str::from_utf8(word).ok()?.parse().ok()?;
    Pid::from_raw(i32::try_from(number).ok()?)
}

/// Reaps this child; `None` while it lives.
pub fn reap_one(pid: Pid) -> Result<Option<Ended>, Errno> {
    Ok(wait4(pid.as_raw_nonzero().get(), libc::WNOHANG)?.map(|(_, e)| e))
}

/// As [`reap_one`]; gives the most memory, in bytes, that the child or one of its children that it waited for had at once.
pub fn reap_with_peak(pid: Pid) -> Result<Option<u64>, Errno> {
    let reaped = wait4_with_peak(pid.as_raw_nonzero().get(), libc::WNOHANG)?;
    Ok(reaped.and_then(|(_, _, kib)| u64::try_from(kib).ok()).map(|kib| kib.saturating_mul(1024)))
}

/// kill(2): sends a signal to one process.
pub fn kill(pid: Pid, signal: crate::signal::Signal) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::kill(pid.as_raw_nonzero().get(), signal) })
}

/// kill(2) with a negative number: sends a signal to every process of the group that this one leads.
pub fn kill_group(leader: Pid, signal: crate::signal::Signal) -> Result<(), Errno> {
    let leader = leader.as_raw_nonzero().get();
    if leader == 1 {
        // -1 would be every process; as pid 1 of another namespace it has another number here.
        return Err(Errno::INVAL);
    }
    // SAFETY: no memory is passed.
    check(unsafe { libc::kill(leader.wrapping_neg(), signal) })
}

/// Sends a signal to every process that this one may signal, except itself and process 1: kill(2) with -1.
pub fn kill_all(signal: crate::signal::Signal) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::kill(-1, signal) })
}

fn check(rc: libc::c_int) -> Result<(), Errno> {
    if rc == 0 { Ok(()) } else { Err(crate::errno::last()) }
}

/// Ends the process at once: no buffers are flushed, no exit functions run.
pub fn exit(code: u8) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(libc::c_int::from(code)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_a_process() {
        let parent = |rest: &str| parent_in(format!("7 (a) S 9) S {rest} 7").as_bytes());
        assert_eq!(parent("12"), Pid::from_raw(12));
        for none in ["0", "-1", "-2147483648", "2147483648", "4294967296", "x", ""] {
            assert_eq!(parent(none), None, "{none}");
        }
    }

    #[test]
    fn a_childs_code_arrives() {
        match fork().unwrap() {
            Fork::Child => exit(7),
            Fork::Parent(pid) => assert_eq!(wait_for(pid).unwrap(), Ended::Exited(7)),
        }
        let note = AtomicU32::new(0);
        match fork_noted(Some(&note)).unwrap() {
            Fork::Child => exit(8),
            Fork::Parent(pid) => {
                assert_eq!(Pid::from_raw(note.into_inner().cast_signed()), Some(pid));
                assert_eq!(wait_for(pid).unwrap(), Ended::Exited(8));
            }
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "to wait without reaping")]
    fn an_end_can_be_seen_before_it_is_reaped() {
        let Fork::Parent(pid) = fork().unwrap() else { exit(9) };
        let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).unwrap();
        // Another test's child may be the one that is seen.
        assert!(peek().unwrap().is_some());
        assert_eq!(reap_one(pid).unwrap(), Some(Ended::Exited(9)));
    }

    #[test]
    fn a_child_is_known_by_its_parent() {
        let Fork::Parent(pid) = fork().unwrap() else { exit(0) };
        assert!(is_child(pid) && parent(pid) == Some(rustix::process::getpid()));
        wait_for(pid).unwrap();
        assert!(!is_child(pid) && !is_child(Pid::INIT));
    }

    #[test]
    fn statuses_convert() {
        assert_eq!(Ended::Killed(15).code(), 143);
        assert_eq!(Ended::Exited(3).wstat(), 0x300);
        for how in [Ended::Exited(0), Ended::Exited(255), Ended::Killed(9), Ended::Killed(64)] {
            assert_eq!(Ended::from_wstat(how.wstat()), how);
        }
        assert_eq!(Ended::from_wstat(0x8b), Ended::Killed(11), "the core dump's bit isn't the signal's");
    }

    #[test]
    fn exec_reports_why() {
        assert_eq!(execve(b"/no/such", &[b"x".to_vec()], Some(&[])), Errno::NOENT);
        assert_eq!(execve(b"/bin/\0sh", &[], Some(&[])), Errno::INVAL);
    }
}
