//! Signals: names, dispositions, the mask, and a descriptor to read them from.

use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

/// A signal number.
pub type Signal = i32;

/// SIGABRT
pub const ABRT: Signal = libc::SIGABRT;
/// SIGALRM
pub const ALRM: Signal = libc::SIGALRM;
/// SIGRTMIN+3 of the GNU C library: asks systemd, and containers made for it, to halt.
pub const HALT: Signal = 37;
/// SIGCHLD
pub const CHLD: Signal = libc::SIGCHLD;
/// SIGCONT
pub const CONT: Signal = libc::SIGCONT;
/// SIGHUP
pub const HUP: Signal = libc::SIGHUP;
/// SIGINT
pub const INT: Signal = libc::SIGINT;
/// SIGKILL
pub const KILL: Signal = libc::SIGKILL;
/// SIGPIPE
pub const PIPE: Signal = libc::SIGPIPE;
/// SIGPWR
pub const PWR: Signal = libc::SIGPWR;
/// SIGQUIT
pub const QUIT: Signal = libc::SIGQUIT;
/// SIGSTOP
pub const STOP: Signal = libc::SIGSTOP;
/// SIGTERM
pub const TERM: Signal = libc::SIGTERM;
/// SIGTTOU
pub const TTOU: Signal = libc::SIGTTOU;
/// SIGUSR1
pub const USR1: Signal = libc::SIGUSR1;
/// SIGUSR2
pub const USR2: Signal = libc::SIGUSR2;
/// SIGWINCH
pub const WINCH: Signal = libc::SIGWINCH;
/// SIGXCPU
pub const XCPU: Signal = libc::SIGXCPU;

/// Signal names without `SIG` and their numbers on Linux; the first name of a number is the one that is printed.
pub const NAMES: &[(&str, Signal)] = &[
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("IOT", libc::SIGIOT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("POLL", libc::SIGPOLL),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

/// The number of a signal given as a number or as a name, in any case, with or without `SIG`.
#[must_use]
pub fn parse(word: &[u8]) -> Option<Signal> {
    let upper = std::str::from_utf8(word).ok()?.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Ok(n) = bare.parse::<Signal>() {
        return (1..=64).contains(&n).then_some(n);
    }
    NAMES.iter().find(|(name, _)| *name == bare).map(|(_, n)| *n)
}

/// The name of a signal with `SIG`, if it has one.
#[must_use]
pub fn name(n: Signal) -> Option<String> {
    NAMES.iter().find(|(_, m)| *m == n).map(|(name, _)| format!("SIG{name}"))
}

/// The name of a signal, or `signal N` for one without a name.
#[must_use]
pub fn show(n: Signal) -> String {
    name(n).unwrap_or_else(|| format!("signal {n}"))
}

/// A set of signals.
#[derive(Clone, Copy)]
pub struct Set(libc::sigset_t);

impl Set {
    /// No signal.
    #[must_use]
    pub fn empty() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset fills the whole set.
        Self(unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        })
    }

    /// All signals.
    #[must_use]
    pub fn full() -> Self {
        let mut set = Self::empty();
        // SAFETY: the set is initialized.
        unsafe { libc::sigfillset(&mut set.0) };
        set
    }

    pub(crate) fn raw(&self) -> libc::sigset_t {
        self.0
    }

    /// These signals.
    #[must_use]
    pub fn of(signals: &[Signal]) -> Self {
        let mut set = Self::empty();
        for s in signals {
            // SAFETY: the set is initialized; a number out of range is refused by the call.
            unsafe { libc::sigaddset(&mut set.0, *s) };
        }
        set
    }
}

/// Replaces the signal mask; returns the old one.
pub fn set_mask(set: &Set) -> Set {
    let mut old = Set::empty();
    // SAFETY: both sets are initialized.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &set.0, &mut old.0) };
    old
}

/// Adds signals to the mask; returns the old one.
pub fn block(set: &Set) -> Set {
    let mut old = Set::empty();
    // SAFETY: both sets are initialized.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set.0, &mut old.0) };
    old
}

/// Removes signals from the mask; returns the old one.
pub fn unblock(set: &Set) -> Set {
    let mut old = Set::empty();
    // SAFETY: both sets are initialized.
    unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &set.0, &mut old.0) };
    old
}

/// Sets a signal's disposition to the default.
pub fn set_default(s: Signal) -> Result<(), Errno> {
    // SAFETY: SIG_DFL is a valid disposition.
    if unsafe { libc::signal(s, libc::SIG_DFL) } == libc::SIG_ERR {
        Err(crate::errno::last())
    } else {
        Ok(())
    }
}

/// Sets every signal's disposition to the default, also of those that were ignored when the process began.
///
/// That includes the C library's own signals, which some programs leave ignored in their children; this process has no
/// threads that need them.
pub fn reset_all() {
    // The kernel's structure is shorter than this on every machine; all zeros are the default disposition.
    let default = [0_u64; 8];
    let last: libc::c_long = 64;
    for s in 1..=last {
        // SAFETY: the structure is only read, and no old one is asked for.  The call refuses the two signals that can't be
        // changed, which has no effect.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, s, default.as_ptr(), std::ptr::null::<u64>(), 8_usize);
        }
    }
}

/// Makes the process ignore a signal.
pub fn set_ignored(s: Signal) -> Result<(), Errno> {
    // SAFETY: SIG_IGN is a valid disposition.
    if unsafe { libc::signal(s, libc::SIG_IGN) } == libc::SIG_ERR {
        Err(crate::errno::last())
    } else {
        Ok(())
    }
}

/// Whether the process ignores a signal.
pub fn is_ignored(s: Signal) -> Result<bool, Errno> {
    // SAFETY: all-zero bytes are a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action only asks.
    if unsafe { libc::sigaction(s, std::ptr::null(), &mut action) } == -1 {
        Err(crate::errno::last())
    } else {
        Ok(action.sa_sigaction == libc::SIG_IGN)
    }
}

extern "C" fn nothing(_: libc::c_int) {}

/// Makes a signal interrupt blocking system calls (`INTR`), and do nothing else; exec resets it.
pub fn set_interrupting(s: Signal) -> Result<(), Errno> {
    // SAFETY: all-zero bytes are a valid `sigaction`: no flags, so calls aren't restarted, and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as *const () as usize;
    // SAFETY: the handler does nothing, which is always safe; a null old action is allowed.
    if unsafe { libc::sigaction(s, &action, std::ptr::null_mut()) } == -1 {
        Err(crate::errno::last())
    } else {
        Ok(())
    }
}

/// Where a signal comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The kernel, for example for a key on a terminal.
    Kernel,
    /// A process outside of this pid namespace.
    Outside,
    /// A process of this pid namespace.
    Process {
        /// Its id.
        pid: u32,
        /// The user that it has, as the kernel says.
        uid: u32,
    },
}

/// A descriptor from which pending signals are read, signalfd(2).
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Blocks the signals of the set and makes a non-blocking, close-on-exec descriptor for them.
    pub fn new(set: &Set) -> Result<Self, Errno> {
        block(set);
        Self::of_blocked(set)
    }

    /// As [`SignalFd::new`], where they are blocked already.
    pub fn of_blocked(set: &Set) -> Result<Self, Errno> {
        // SAFETY: the set is initialized.
        let fd = unsafe { libc::signalfd(-1, &set.0, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
        if fd == -1 {
            return Err(crate::errno::last());
        }
        // SAFETY: a fresh descriptor that no other value owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next pending signal; `None` if there is none.
    pub fn read(&self) -> Result<Option<Signal>, Errno> {
        Ok(self.read_with_sender()?.map(|(signal, _)| signal))
    }

    /// The next pending signal with its sender; `None` if there is none.
    pub fn read_with_sender(&self) -> Result<Option<(Signal, Sender)>, Errno> {
        let mut record = [0; RECORD];
        match rustix::io::read(&self.0, &mut record) {
            Ok(_) => Ok(decode(&record)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// The length of what a [`SignalFd`] gives for each signal, in bytes.
pub const RECORD: usize = size_of::<libc::signalfd_siginfo>();

/// The signal and its sender in bytes that were read from a [`SignalFd`]; `None` if they are no whole record.
#[must_use]
pub fn decode(record: &[u8]) -> Option<(Signal, Sender)> {
    let word = |at: usize| Some(u32::from_ne_bytes(*record.get(at..)?.first_chunk()?));
    let at = |field: usize| word(field).filter(|_| record.len() == RECORD);
    let signal = at(std::mem::offset_of!(libc::signalfd_siginfo, ssi_signo))?;
    let code = at(std::mem::offset_of!(libc::signalfd_siginfo, ssi_code))?.cast_signed();
    let sender = match at(std::mem::offset_of!(libc::signalfd_siginfo, ssi_pid))? {
        _ if code > 0 => Sender::Kernel,
        0 => Sender::Outside,
        pid => Sender::Process { pid, uid: at(std::mem::offset_of!(libc::signalfd_siginfo, ssi_uid))? },
    };
    Signal::try_from(signal).ok().filter(|signal| *signal != 0).map(|signal| (signal, sender))
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back() {
        let mut record = [0; RECORD];
        assert_eq!(decode(&record), None);
        for (at, value) in [(0, TERM.cast_unsigned()), (8, 0), (12, 77), (16, 1000)] {
            record[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        assert_eq!(decode(&record), Some((TERM, Sender::Process { pid: 77, uid: 1000 })));
        assert_eq!(decode(&record[1..]), None);
        record[12..16].fill(0);
        assert_eq!(decode(&record), Some((TERM, Sender::Outside)));
        record[8] = 1;
        assert_eq!((decode(&record), RECORD), (Some((TERM, Sender::Kernel)), 128));
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(parse(b"SIGQUIT"), Some(3));
        assert_eq!(parse(b"term"), Some(15));
        assert_eq!((parse(b"9"), parse(b"sig11")), (Some(9), Some(11)));
        assert_eq!(parse(b"0"), None);
        assert_eq!(parse(b"SIGNAL"), None);
        assert_eq!(name(6).as_deref(), Some("SIGABRT"));
    }
}
