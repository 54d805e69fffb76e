//! The points of torture: a system call of the process, which of its kind, and what happens there.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// What happens at a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The process faults as soon as the call has been carried out.
    Fault,
    /// The call fails with this error, without being carried out.
    Error(String),
}

/// The `number`-th call of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    pub call: String,
    pub number: u32,
    pub kind: Kind,
}

/// The signal of a fault.
const FAULT: &str = "SIGSEGV";

/// The errors that each call can really fail with; a call that isn't here is only faulted at.
///
/// So is dup3: pid 1 only copies open descriptors onto open ones, in the window of `sys::spawn`, and that can't fail.
const ERRORS: &[(&str, &[&str])] = &[
    ("accept4", &["EMFILE", "ENOMEM"]),
    ("access", &["ENOMEM", "EIO"]),
    ("bind", &["ENOSPC", "ENOMEM"]),
    ("brk", &["ENOMEM"]),
    ("chdir", &["ENOMEM", "EIO"]),
    ("chmod", &["EIO", "EROFS"]),
    ("clone", &["EAGAIN", "ENOMEM"]),
    ("clone3", &["EAGAIN", "ENOMEM"]),
    ("dup", &["EMFILE"]),
    ("dup2", &["EMFILE"]),
    ("epoll_create1", &["EMFILE", "ENOMEM"]),
    ("epoll_ctl", &["ENOMEM", "ENOSPC"]),
    ("epoll_pwait", &["EINTR"]),
    ("epoll_wait", &["EINTR"]),
    ("execve", &["ENOMEM"]),
    ("faccessat", &["ENOMEM", "EIO"]),
    ("faccessat2", &["ENOMEM", "EIO"]),
    ("fallocate", &["ENOSPC", "ENOMEM", "EINTR"]),
    ("fchdir", &["EIO"]),
    ("fchmod", &["EIO", "EROFS"]),
    ("fchmodat", &["EIO", "EROFS"]),
    ("fchown", &["EIO"]),
    ("fchownat", &["EIO"]),
    ("flock", &["ENOLCK", "EINTR"]),
    ("fork", &["EAGAIN", "ENOMEM"]),
    ("fstat", &["EIO"]),
    ("ftruncate", &["EIO", "ENOSPC"]),
    ("getdents64", &["EIO", "ENOMEM"]),
    ("linkat", &["ENOSPC", "EIO"]),
    ("lseek", &["EIO"]),
    ("lstat", &["ENOMEM", "EIO"]),
    ("madvise", &["ENOMEM", "EAGAIN"]),
    ("memfd_create", &["ENFILE", "ENOMEM"]),
    ("mkdir", &["ENOSPC", "EIO"]),
    ("mkdirat", &["ENOSPC", "EIO"]),
    ("mkfifo", &["ENOSPC", "EIO"]),
    ("mknod", &["ENOSPC", "EIO"]),
    ("mknodat", &["ENOSPC", "EIO"]),
    ("mmap", &["ENOMEM"]),
    ("mprotect", &["ENOMEM"]),
    ("mremap", &["ENOMEM"]),
    ("newfstatat", &["ENOMEM", "EIO"]),
    ("open", &["ENFILE", "EMFILE", "ENOMEM", "EIO"]),
    ("openat", &["ENFILE", "EMFILE", "ENOMEM", "EIO"]),
    ("pidfd_open", &["EMFILE", "ENOMEM"]),
    ("pipe", &["ENFILE", "EMFILE"]),
    ("pipe2", &["ENFILE", "EMFILE"]),
    ("poll", &["EINTR", "ENOMEM"]),
    ("ppoll", &["EINTR", "ENOMEM"]),
    ("prlimit64", &["EPERM"]),
    ("read", &["EIO", "EINTR"]),
    ("readlink", &["ENOMEM", "EIO"]),
    ("readlinkat", &["ENOMEM", "EIO"]),
    ("rename", &["ENOSPC", "EIO"]),
    ("renameat", &["ENOSPC", "EIO"]),
    ("renameat2", &["ENOSPC", "EIO"]),
    ("sendmsg", &["EAGAIN", "ENOBUFS"]),
    ("sendto", &["EAGAIN", "ENOBUFS"]),
    ("signalfd4", &["EMFILE", "ENOMEM"]),
    ("socket", &["EMFILE", "ENOMEM"]),
    ("socketpair", &["EMFILE", "ENOMEM"]),
    ("stat", &["ENOMEM", "EIO"]),
    ("statfs", &["EIO"]),
    ("statx", &["ENOMEM", "EIO"]),
    ("symlink", &["ENOSPC", "EIO"]),
    ("symlinkat", &["ENOSPC", "EIO"]),
    ("timerfd_create", &["EMFILE", "ENOMEM"]),
    ("unlink", &["EIO", "EROFS"]),
    ("unlinkat", &["EIO", "EROFS"]),
    ("utimensat", &["EIO"]),
    ("vfork", &["EAGAIN", "ENOMEM"]),
    ("write", &["ENOSPC", "EAGAIN", "EINTR", "EIO"]),
    ("writev", &["ENOSPC", "EAGAIN", "EINTR", "EIO"]),
];

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Fault => FAULT,
            Kind::Error(error) => error,
        };
        write!(f, "{}:{}:{kind}", self.call, self.number)
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(':').collect();
        let [call, number, kind] = words.as_slice() else {
            return Err(format!("{text:?} isn't CALL:NUMBER:{FAULT} or CALL:NUMBER:ERROR"));
        };
        let number = number.parse().map_err(|_| format!("{text:?}: {number:?} isn't a number"))?;
        let kind = if *kind == FAULT { Kind::Fault } else { Kind::Error((*kind).to_owned()) };
        Ok(Self { call: (*call).to_owned(), number, kind })
    }
}

/// The points of one run: one, or a fault and what happens while the process recovers from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(pub Vec<Point>);

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points: Vec<String> = self.0.iter().map(Point::to_string).collect();
        f.write_str(&points.join("+"))
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.split('+').map(str::parse).collect::<Result<_, _>>()?))
    }
}

impl Plan {
    /// The plan as strace's options; `traces_all` records all calls instead of those of these names.
    pub fn options(&self, traces_all: bool) -> Vec<String> {
        let names: Vec<&str> = self.0.iter().map(|point| point.call.as_str()).collect();
        let traced = if traces_all { "all".to_owned() } else { names.join(",") };
        let mut options = vec!["-e".to_owned(), format!("trace={traced}")];
        for Point { call, number, kind } in &self.0 {
            let what = match kind {
                Kind::Fault => format!("signal={FAULT}"),
                Kind::Error(error) => format!("error={error}"),
            };
            options.extend(["-e".to_owned(), format!("inject={call}:{what}:when={number}")]);
        }
        options
    }

    /// Whether all of it happened, by strace's record.
    pub fn happened(&self, record: &str) -> bool {
        let count = |text| record.matches(text).count();
        let faults = self.faults();
        count("--- SIGSEGV {si_signo=SIGSEGV, si_code=SI_KERNEL") >= faults
            && count("(INJECTED)") >= self.0.len() - faults
    }

    /// How many of its points are faults.
    pub fn faults(&self) -> usize {
        self.0.iter().filter(|point| point.kind == Kind::Fault).count()
    }
}

/// What the C library does before `main`: it can only give up, and the kernel has just given the process its memory.
const START: [&str; 5] = ["execve", "mmap", "brk", "arch_prctl", "set_tid_address"];

/// The errors of fcntl by its command.
const FCNTL_ERRORS: &[(&str, &[&str])] = &[
    ("F_DUPFD", &["EMFILE"]),
    ("F_DUPFD_CLOEXEC", &["EMFILE"]),
    ("F_SETLK", &["ENOLCK"]),
    ("F_OFD_SETLK", &["ENOLCK"]),
];

/// The errors that a call can really fail with.
fn errors(name: &str, arguments: &str) -> &'static [&'static str] {
    let (table, name) = match name {
        "fcntl" => (FCNTL_ERRORS, arguments.split([',', ')']).nth(1).unwrap_or_default().trim()),
        name => (ERRORS, name),
    };
    table.iter().find(|(known, _)| *known == name).map_or(&[], |(_, errors)| errors)
}

/// A call of a process, and what may be done to it.
struct Call {
    name: String,
    errors: &'static [&'static str],
    /// Whether a fault is handled there.
    is_armed: bool,
}

/// The calls of a process, as strace writes them.
pub struct Calls {
    /// In their order.
    calls: Vec<Call>,
    /// Up to this one, the boot may be refused.
    begun: usize,
    /// Those in which the process recovers from its first fault.
    recovery: Range<usize>,
}

impl Calls {
    /// Reads strace's record; `is_armed` if the process was attached to when its faults were already handled.
    pub fn read(record: &str, is_armed: bool) -> Self {
        let mut is_armed = is_armed;
        let mut calls = Vec::new();
        let mut starts = false;
        let (mut begun, mut fault, mut settled) = (if is_armed { Some(0) } else { None }, None, None);
        for line in record.lines() {
            if line.starts_with("--- SIGSEGV") {
                fault.get_or_insert(calls.len());
                is_armed = false;
            }
            let Some((name, rest)) = line.split_once('(') else { continue };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                continue;
            }
            if ["fork", "vfork", "clone", "clone3"].contains(&name) {
                begun.get_or_insert(calls.len());
            }
            if ["epoll_pwait", "epoll_wait"].contains(&name) && fault.is_some() {
                settled.get_or_insert(calls.len());
            }
            starts = name == "execve" || starts && START.contains(&name);
            let errors = if starts && name != "execve" { &[] } else { errors(name, rest) };
            calls.push(Call { name: name.to_owned(), errors, is_armed });
            is_armed |= name == "rt_sigaction" && rest.starts_with("SIGSEGV, {sa_handler=0x");
        }
        let end = calls.len();
        let fault = fault.unwrap_or(end);
        Self { calls, begun: begun.unwrap_or(end), recovery: fault..settled.unwrap_or(end).max(fault) }
    }

    /// How many calls there were.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// All points, each with whether the boot may be refused there.
    pub fn points(&self) -> Vec<(Point, bool)> {
        self.points_in(0..self.calls.len())
    }

    /// The points at which the process recovers from its first fault.
    pub fn points_of_recovery(&self) -> Vec<(Point, bool)> {
        self.points_in(self.recovery.clone())
    }

    fn points_in(&self, range: Range<usize>) -> Vec<(Point, bool)> {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        let mut points = Vec::new();
        for (place, call) in self.calls.iter().enumerate() {
            let number = counts.entry(&call.name).or_default();
            *number += 1;
            let number = *number;
            // Only the first execution and `recvmsg` came before the program; the others end the process, or a handler.
            let passed_over = ["recvmsg", "exit_group", "exit", "rt_sigreturn", "restart_syscall"];
            if !range.contains(&place)
                || passed_over.contains(&&*call.name)
                || (call.name == "execve" && number == 1)
            {
                continue;
            }
            let may_refuse = place < self.begun;
            let mut add = |kind| points.push((Point { call: call.name.clone(), number, kind }, may_refuse));
            if call.is_armed {
                add(Kind::Fault);
            }
            call.errors.iter().for_each(|error| add(Kind::Error((*error).to_owned())));
        }
        points
    }
}
