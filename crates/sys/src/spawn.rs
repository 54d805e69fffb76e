//! Starting a program as a child, fast, by a description that is complete beforehand.
//!
//! The child is made by clone(2) with `CLONE_VM | CLONE_VFORK`: it shares the memory, so that nothing is copied,
//! on a stack of its own, and the caller waits until the program is executed.  Between clone and exec the
//! child only makes system calls with data that was built before; an error's number is stored in the shared
//! memory, so [`spawn`] reports whether the program runs.  If clone is refused (an emulated kernel), fork and a pipe
//! replace it; so they do from the second start on if clone makes an ordinary fork (qemu's emulation of a process),
//! since such a child can't report an error.
//!
//! The child gets: the mask of [`set_umask`], default dispositions for the signals of [`Spawn::reset`], an empty signal
//! mask, and of the descriptors those that aren't close-on-exec plus the ones that are described.

use crate::missing::is_missing;
pub use crate::strings::{Frozen, Strings};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit};
use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A few low descriptor numbers, reserved for passing descriptors to children.
///
/// A process with thousands of descriptors pays for each of them at every start: the child gets a copy of the table
/// and closes it at exec.  With a window the child shares the table first, and then takes a copy of only what is
/// below the window's end.
#[derive(Debug)]
pub struct Window {
    /// The file behind the numbers while no descriptor is being passed.
    null: OwnedFd,
    slots: Vec<OwnedFd>,
    end: RawFd,
}

/// The count of numbers in a window: one for the directory, the rest for descriptors.
const WINDOW: usize = 8;

/// A window above this number would save nothing.
const LOW: RawFd = 64;

impl Window {
    /// Takes the lowest numbers that are free.
    ///
    /// # Errors
    /// /dev/null cannot be opened; `MFILE` if no low numbers are free.
    pub fn new() -> Result<Self, Errno> {
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
        let null = crate::fs::open("/dev/null", flags, rustix::fs::Mode::empty())?;
        let slots =
            (0..WINDOW).map(|_| rustix::io::fcntl_dupfd_cloexec(&null, 3)).collect::<Result<Vec<_>, _>>()?;
        let end = slots.iter().map(|fd| fd.as_raw_fd().saturating_add(1)).max().unwrap_or(LOW);
        if end > LOW { Err(Errno::MFILE) } else { Ok(Self { null, slots, end }) }
    }

    /// Makes slot number `n` a copy of `from`; returns its descriptor number, `None` if that fails.
    fn put(&self, n: usize, from: RawFd) -> Option<RawFd> {
        let slot = self.slots.get(n)?.as_raw_fd();
        // SAFETY: replaces what this window owns under the number, which stays owned and open.
        (unsafe { libc::dup3(from, slot, libc::O_CLOEXEC) } != -1).then_some(slot)
    }

    /// Copies the directory and the descriptors into the window; `false` if that is impossible.
    fn fill(&self, dir: &mut RawFd, moves: &mut [(RawFd, RawFd)]) -> bool {
        let sources =
            std::iter::once(dir).filter(|d| **d != -1).chain(moves.iter_mut().map(|(from, _)| from));
        for (n, from) in sources.enumerate() {
            match self.put(n, *from) {
                Some(slot) => *from = slot,
                None => return false,
            }
        }
        true
    }

    /// Closes the copies, so that the other end of a pipe sees its end.
    fn empty(&self, count: usize) {
        for n in 0..count.min(self.slots.len()) {
            // Copying an open descriptor onto an open one doesn't fail.
            let _ = self.put(n, self.null.as_raw_fd());
        }
    }
}

/// A program to start.
#[derive(Debug, Clone, Copy)]
pub struct Spawn<'a> {
    /// The file to execute; a relative name is looked up in `dir`, never in PATH.
    pub file: &'a [u8],
    /// Its arguments, `argv[0]` included.
    pub argv: &'a Strings,
    /// Its environment.
    pub env: &'a Strings,
    /// The working directory; the caller's if not given.
    pub dir: Option<BorrowedFd<'a>>,
    /// Descriptors, and their numbers in the program.
    pub fds: &'a [(BorrowedFd<'a>, RawFd)],
    /// Whether the child leads a new session, setsid(2).
    pub session: bool,
    /// Whether the child is the first process of a new pid namespace.
    pub pid_namespace: bool,
    /// The limit on open files.
    pub open_files: Option<Rlimit>,
    /// Signals whose disposition is reset to the default.
    pub reset: &'a [crate::signal::Signal],
    /// Makes the cost of the start independent of the number of the caller's descriptors.  The child then doesn't inherit
    /// descriptors above the window that aren't described, close-on-exec or not.
    pub window: Option<&'a Window>,
    /// Where the kernel stores the child's process id before the child runs.
    pub note: Option<&'a AtomicU32>,
}

/// What the child reads, and the one word that it writes.
struct Plan {
    file: *const c_char,
    argv: *const *const c_char,
    env: *const *const c_char,
    dir: RawFd,
    /// The child shares the caller's descriptor table and must copy the part below this number; 0: it has its own table
    /// already.
    window_end: RawFd,
    moves: *mut (RawFd, RawFd),
    moves_len: usize,
    /// Every target is below this.
    above: RawFd,
    session: bool,
    limit: Option<Rlimit>,
    reset: *const crate::signal::Signal,
    reset_len: usize,
    mask: libc::sigset_t,
    /// The file creation mask; the caller's if not given.
    umask: Option<libc::mode_t>,
    /// The error's number if the program could not be executed.
    error: c_int,
    /// The child could not get a descriptor table of its own, and did nothing else.
    shared: bool,
}

/// Several times what the child needs between clone and exec.
const STACK: usize = 16 * 1024;

/// The value of [`Plan::error`] before the child has written it.
const UNHEARD: c_int = -1;

/// Whether neither close_range(2), which came with Linux 5.9, nor unshare(2), which profiles deny, gives a child its own
/// descriptor table: then windows have no use.
static WINDOWLESS: AtomicBool = AtomicBool::new(false);

/// The value of [`UMASK`] while no mask is set.
const NO_UMASK: u32 = u32::MAX;

/// The file creation mask of children.
static UMASK: AtomicU32 = AtomicU32::new(NO_UMASK);

/// From now on, what this process starts gets this file creation mask instead of the process's own; so do the children of
/// forks.
pub fn set_umask(mask: rustix::fs::Mode) {
    UMASK.store(mask.bits() & 0o777, Ordering::Relaxed);
}

/// Whether the child of a clone didn't share the memory.
static UNSHARED: AtomicBool = AtomicBool::new(false);

/// Starts the program; returns its process id as soon as it has been executed.
///
/// # Errors
/// No child could be made, or the program could not be executed; then no child is left.
pub fn spawn(what: &Spawn<'_>) -> Result<Pid, Errno> {
    spawn_with_mask(what, &crate::signal::Set::empty())
}

/// As [`spawn`], with this signal mask for the child instead of an empty one.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_with_mask(what: &Spawn<'_>, mask: &crate::signal::Set) -> Result<Pid, Errno> {
    let file = CString::new(what.file).map_err(|_| Errno::INVAL)?;
    let mut moves: Vec<(RawFd, RawFd)> = what.fds.iter().map(|(fd, to)| (fd.as_raw_fd(), *to)).collect();
    if moves.iter().any(|(_, to)| *to < 0) {
        return Err(Errno::BADF);
    }
    let above = moves.iter().map(|(_, to)| *to).max().unwrap_or(2).saturating_add(1);
    let mut dir = what.dir.map_or(-1, |d| d.as_raw_fd());
    let window = what.window.filter(|_| !WINDOWLESS.load(Ordering::Relaxed));
    let is_filled = window.is_some_and(|w| w.fill(&mut dir, &mut moves));
    let mut plan = Plan {
        file: file.as_ptr(),
        argv: what.argv.as_ptr(),
        env: what.env.as_ptr(),
        dir,
        window_end: window.filter(|_| is_filled).map_or(0, |w| w.end),
        moves: moves.as_mut_ptr(),
        moves_len: moves.len(),
        above,
        session: what.session,
        limit: what.open_files,
        reset: what.reset.as_ptr(),
        reset_len: what.reset.len(),
        mask: mask.raw(),
        umask: Some(UMASK.load(Ordering::Relaxed)).filter(|mask| *mask != NO_UMASK),
        error: 0,
        shared: false,
    };
    let namespace = if what.pid_namespace { libc::CLONE_NEWPID } else { 0 };
    let old = crate::signal::set_mask(&crate::signal::Set::full());
    let made = match UNSHARED.load(Ordering::Relaxed) {
        true => by_fork(&mut plan, namespace, what.note),
        false => match by_clone(&mut plan, namespace, what.note) {
            // The clone was refused: no child has written what it met.
            Err(e) if plan.error == UNHEARD && namespace == 0 && (e == Errno::INVAL || is_missing(e)) => {
                by_fork(&mut plan, namespace, what.note)
            }
            made => made,
        },
    };
    crate::signal::set_mask(&old);
    if let Some(window) = window {
        // What couldn't be filled has copies in it, too.
        window.empty(what.fds.len().saturating_add(1));
    }
    if plan.shared {
        WINDOWLESS.store(true, Ordering::Relaxed);
        return spawn_with_mask(what, mask);
    }
    made
}

/// Runs the plan in the child; returns only if that fails, with the error's number.
///
/// # Safety
/// The plan's pointers are valid; the caller is a child that nothing else runs in.
unsafe fn child(plan: *mut Plan) -> c_int {
    // SAFETY: the plan outlives the child's use of it, and the parent doesn't touch it meanwhile.
    let plan = unsafe { &mut *plan };
    let errno = || {
        // SAFETY: the C library's errno is always readable.
        unsafe { *libc::__errno_location() }
    };
    // SAFETY: moves and their number describe a live vector that only the child uses now.
    let moves = unsafe { std::slice::from_raw_parts_mut(plan.moves, plan.moves_len) };
    // SAFETY: likewise, read only.
    let reset = unsafe { std::slice::from_raw_parts(plan.reset, plan.reset_len) };
    if plan.window_end != 0 {
        let (first, last) = (plan.window_end, libc::c_uint::MAX);
        // SAFETY: both calls change which descriptors this process has, and nothing else.
        unsafe {
            let copied = libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_UNSHARE);
            if copied == -1 && libc::unshare(libc::CLONE_FILES) == -1 {
                std::ptr::write_volatile(&raw mut plan.shared, true);
                return errno();
            }
        }
    }
    // SAFETY: plain system calls on descriptors, signals and limits of the child; pointers come from the plan.
    unsafe {
        if plan.session && libc::setsid() == -1 {
            return errno();
        }
        // Before its number may be reused.
        if plan.dir != -1 && libc::fchdir(plan.dir) == -1 {
            return errno();
        }
        for (from, to) in moves.iter_mut() {
            if *from != *to && *from < plan.above {
                *from = libc::fcntl(*from, libc::F_DUPFD_CLOEXEC, plan.above);
                if *from == -1 {
                    return errno();
                }
            }
        }
        for (from, to) in moves.iter() {
            let rc = if from == to { libc::fcntl(*from, libc::F_SETFD, 0) } else { libc::dup2(*from, *to) };
            if rc == -1 {
                return errno();
            }
        }
        if let Some(limit) = &plan.limit
            && let Err(e) = crate::limit::set(Resource::Nofile, limit)
        {
            return e.raw_os_error();
        }
        let _ = plan.umask.map(|mask| libc::umask(mask));
        for signal in reset {
            libc::signal(*signal, libc::SIG_DFL);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &plan.mask, std::ptr::null_mut());
        libc::execve(plan.file, plan.argv, plan.env);
    }
    errno()
}

extern "C" fn cloned(plan: *mut c_void) -> c_int {
    let plan = plan.cast::<Plan>();
    // SAFETY: `by_clone` passes its plan and is suspended until this process has executed or exited.
    unsafe {
        // Volatile: the writes are seen by the parent, which shares the memory.
        std::ptr::write_volatile(&raw mut (*plan).error, 0);
        let error = child(plan);
        std::ptr::write_volatile(&raw mut (*plan).error, error);
        libc::_exit(127)
    }
}

/// The child's stack is below the caller's frame, of which it touches the upper end only: nothing is mapped for it.
#[inline(never)]
fn by_clone(plan: &mut Plan, namespace: c_int, note: Option<&AtomicU32>) -> Result<Pid, Errno> {
    let mut stack = [MaybeUninit::<u128>::uninit(); STACK / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end;
    let shared = if plan.window_end == 0 { 0 } else { libc::CLONE_FILES };
    let noted = if note.is_some() { libc::CLONE_PARENT_SETTID } else { 0 };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD | namespace | shared | noted;
    let note = note.map_or(std::ptr::null_mut(), AtomicU32::as_ptr);
    plan.error = UNHEARD;
    let pointer = std::ptr::from_mut(plan);
    // SAFETY: the stack grows down from its aligned end and lives until the call is back, which is after the
    // child has executed or exited; the plan and the note live as long.  All signals are blocked.
    let pid = unsafe { libc::clone(cloned, top.cast(), flags, pointer.cast(), note) };
    if pid == -1 {
        return Err(crate::errno::last());
    }
    // SAFETY: the plan is still there; volatile because the child wrote it.
    let error = unsafe { std::ptr::read_volatile(&raw const (*pointer).error) };
    if error == UNHEARD {
        // The program runs, or the child exits with 127 soon.
        UNSHARED.store(true, Ordering::Relaxed);
        return Pid::from_raw(pid).ok_or(Errno::AGAIN);
    }
    finish(pid, error)
}

/// The result for the parent; a child that failed is reaped.
fn finish(pid: libc::pid_t, error: c_int) -> Result<Pid, Errno> {
    let pid = Pid::from_raw(pid).ok_or(Errno::AGAIN)?;
    if error == 0 {
        return Ok(pid);
    }
    let _ = crate::process::wait_for(pid);
    Err(Errno::from_raw_os_error(error))
}

fn by_fork(plan: &mut Plan, namespace: c_int, note: Option<&AtomicU32>) -> Result<Pid, Errno> {
    if namespace != 0 {
        return Err(Errno::INVAL);
    }
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    plan.window_end = 0;
    plan.above = plan.above.max(reader.as_raw_fd().max(writer.as_raw_fd()).saturating_add(1));
    match crate::process::fork()? {
        crate::process::Fork::Child => {
            // A target might be the pipe itself.
            let writer = rustix::io::fcntl_dupfd_cloexec(&writer, plan.above);
            // SAFETY: this is the child of a process with one thread, and has the plan as a copy.
            let error = unsafe { child(plan) };
            if let Ok(writer) = writer {
                let _ = rustix::io::write(&writer, &error.to_ne_bytes());
            }
            crate::process::exit(127)
        }
        crate::process::Fork::Parent(pid) => {
            if let Some(note) = note {
                note.store(pid.as_raw_nonzero().get().unsigned_abs(), Ordering::Relaxed);
            }
            drop(writer);
            let mut bytes = [0; size_of::<c_int>()];
            let n = rustix::io::read(&reader, &mut bytes)?;
            finish(pid.as_raw_nonzero().get(), if n == bytes.len() { c_int::from_ne_bytes(bytes) } else { 0 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Ended, wait_for};
    use std::os::fd::AsFd;

    fn strings(words: &[&str]) -> Strings {
        Strings::new(words).unwrap()
    }

    fn plain<'a>(file: &'a [u8], argv: &'a Strings, env: &'a Strings) -> Spawn<'a> {
        let (dir, open_files) = (None, None);
        Spawn {
            file,
            argv,
            env,
            dir,
            fds: &[],
            session: true,
            pid_namespace: false,
            open_files,
            reset: &[],
            window: None,
            note: None,
        }
    }

    #[test]
    fn runs_and_exits() {
        let (argv, env) = (strings(&["sh", "-c", "exit $CODE"]), strings(&["CODE=5"]));
        let pid = spawn(&plain(b"/bin/sh", &argv, &env)).unwrap();
        assert_eq!(wait_for(pid).unwrap(), Ended::Exited(5));
    }

    #[test]
    fn a_window_is_not_needed() {
        let deny = |number: libc::c_long| crate::seccomp::Denied {
            x86_64: u32::try_from(number).ok(),
            i386: None,
            error: 1,
        };
        let in_child = || {
            crate::seccomp::deny(&[deny(libc::SYS_close_range), deny(libc::SYS_unshare)]).ok()?;
            let (argv, env) = (strings(&["sh", "-c", "test -e /proc/self/fd/7"]), strings(&[]));
            let window = Window::new().ok()?;
            let fds = [(window.null.as_fd(), 7)];
            let what = Spawn { window: Some(&window), fds: &fds, ..plain(b"/bin/sh", &argv, &env) };
            let codes = [(); 2].map(|()| spawn(&what).and_then(wait_for));
            (codes == [Ok(Ended::Exited(0)); 2]).then_some(())
        };
        match crate::process::fork().unwrap() {
            crate::process::Fork::Child => crate::process::exit(in_child().is_none().into()),
            crate::process::Fork::Parent(pid) => assert_eq!(wait_for(pid).unwrap(), Ended::Exited(0)),
        }
    }

    #[test]
    fn frozen_strings_are_the_same_and_the_process_id_is_noted() {
        let (argv, mut env) = (strings(&["sh", "-c", "exit $CODE"]), strings(&["A=", "CODE=6"]));
        env.freeze().unwrap();
        let note = AtomicU32::new(0);
        let pid = spawn(&Spawn { note: Some(&note), ..plain(b"/bin/sh", &argv, &env) }).unwrap();
        assert_eq!(note.into_inner(), pid.as_raw_nonzero().get().unsigned_abs());
        assert_eq!(wait_for(pid).unwrap(), Ended::Exited(6));
    }

    #[test]
    fn tells_why_it_could_not_execute() {
        let (argv, env) = (strings(&["x"]), strings(&[]));
        assert_eq!(spawn(&plain(b"/no/such", &argv, &env)).unwrap_err(), Errno::NOENT);
        assert_eq!(spawn(&plain(b"/etc/passwd", &argv, &env)).unwrap_err(), Errno::ACCESS);
        assert_eq!(spawn(&plain(b"a\0b", &argv, &env)).unwrap_err(), Errno::INVAL);
    }

    #[test]
    fn moves_descriptors_that_cross() {
        let (r1, w1) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let (r2, w2) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        // Each write end goes to the other's number.
        let fds = [(w1.as_fd(), w2.as_raw_fd()), (w2.as_fd(), w1.as_raw_fd())];
        let script = format!("echo one >/dev/fd/{}; echo two >/dev/fd/{}", w2.as_raw_fd(), w1.as_raw_fd());
        let (argv, env) = (strings(&["sh", "-c", &script]), strings(&[]));
        let pid = spawn(&Spawn { fds: &fds, ..plain(b"/bin/sh", &argv, &env) }).unwrap();
        assert_eq!(wait_for(pid).unwrap(), Ended::Exited(0));
        let mut buf = [0; 8];
        let n = rustix::io::read(&r1, &mut buf).unwrap();
        assert_eq!(&buf[..n], b"one\n");
        let n = rustix::io::read(&r2, &mut buf).unwrap();
        assert_eq!(&buf[..n], b"two\n");
    }

    #[test]
    fn a_window_hands_over_what_is_described_and_nothing_else() {
        let window = Window::new().unwrap();
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let dir = std::fs::File::open("/").unwrap();
        let high = rustix::io::fcntl_dupfd_cloexec(&writer, 100).unwrap();
        rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty()).unwrap();
        let script = format!("pwd >&7; test -e /proc/self/fd/{} && echo leak >&7", high.as_raw_fd());
        let (argv, env) = (strings(&["sh", "-c", &script]), strings(&["PATH=/bin"]));
        let fds = [(writer.as_fd(), 7)];
        let what = Spawn {
            dir: Some(dir.as_fd()),
            fds: &fds,
            window: Some(&window),
            ..plain(b"bin/sh", &argv, &env)
        };
        wait_for(spawn(&what).unwrap()).unwrap();
        assert_eq!(spawn(&Spawn { file: b"no/such", ..what }).unwrap_err(), Errno::NOENT);
        drop((writer, high));
        // The window has closed the pipe: it ends.
        let mut said = Vec::new();
        std::io::Read::read_to_end(&mut std::fs::File::from(reader), &mut said).unwrap();
        assert_eq!(said, b"/\n");
    }

    #[test]
    fn starts_in_the_directory() {
        let dir = std::fs::File::open("/").unwrap();
        let (argv, env) = (strings(&["sh", "-c", "test \"$(pwd)\" = /"]), strings(&["PATH=/bin"]));
        // A descriptor that takes the directory's number doesn't take the directory.
        let null = std::fs::File::open("/dev/null").unwrap();
        let fds = [(null.as_fd(), dir.as_raw_fd())];
        let what = Spawn { dir: Some(dir.as_fd()), fds: &fds, ..plain(b"bin/sh", &argv, &env) };
        let pid = spawn(&what).unwrap();
        assert_eq!(wait_for(pid).unwrap(), Ended::Exited(0));
    }

    #[test]
    fn the_forked_way_does_the_same() {
        let (argv, env) = (strings(&["sh", "-c", "exit 3"]), strings(&[]));
        let run = |file: &CString| {
            let mut plan = Plan {
                file: file.as_ptr(),
                argv: argv.as_ptr(),
                env: env.as_ptr(),
                dir: -1,
                window_end: 0,
                moves: std::ptr::NonNull::dangling().as_ptr(),
                moves_len: 0,
                above: 3,
                session: false,
                limit: None,
                reset: std::ptr::NonNull::dangling().as_ptr(),
                reset_len: 0,
                mask: crate::signal::Set::empty().raw(),
                umask: None,
                error: 0,
                shared: false,
            };
            by_fork(&mut plan, 0, None)
        };
        assert_eq!(wait_for(run(&CString::new("/bin/sh").unwrap()).unwrap()).unwrap(), Ended::Exited(3));
        assert_eq!(run(&CString::new("/no/such").unwrap()).unwrap_err(), Errno::NOENT);
    }
}
