//! Re-executing this process, on demand and when it faults.
//!
//! [`arm`] builds everything that execve(2) needs beforehand.  From then on [`reexecute`] executes the new
//! program, and so does a fault: a handler on a stack of its own notes the signal's number and the fault's address in a
//! descriptor, lets the descriptors be inherited, and executes.  It computes nothing and touches no memory but what [`arm`] built.
//! A panic ends there too: in a release it is an invalid instruction, whose address says where, and elsewhere a hook; and so does
//! [`abort`], with which the standard library ends a process that has no memory.
//!
//! Process id, children, working directory and pending signals stay; the new program restores the rest from the content
//! of the descriptor.

use crate::signal::{self, Set, Signal};
use crate::spawn::Strings;
use rustix::io::Errno;
use std::cell::UnsafeCell;
use std::ffi::{CString, c_char, c_int};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// The signals that a fault raises: an invalid instruction is SIGTRAP on some processors.  SIGABRT is not among them, since
/// other processes may send it.
const FAULTS: [Signal; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];

/// The signal number that stands for a panic and for [`abort`].
const PANIC: Signal = libc::SIGABRT;

/// The exit code of a process that SIGABRT can't end, as process 1: what a shell says of one that it has ended.
const ABORTED: c_int = 128 + libc::SIGABRT;

/// What to execute.
struct Armed {
    pid: libc::pid_t,
    file: CString,
    argv: Strings,
    env: Strings,
    note: RawFd,
    at: libc::off_t,
    address_at: libc::off_t,
}

static ARMED: AtomicPtr<Armed> = AtomicPtr::new(std::ptr::null_mut());

/// The highest descriptor that the new program inherits.
static HIGHEST: AtomicI32 = AtomicI32::new(2);

const STACK: usize = 64 * 1024;

/// The handler's stack: a part of the program's image, so that it is there when memory isn't.  Without a fault, none of its
/// pages is ever touched.
#[repr(align(4096))]
struct HandlerStack(UnsafeCell<[u8; STACK]>);

// SAFETY: only the kernel is told where it is, and only a handler runs on it.
unsafe impl Sync for HandlerStack {}

static HANDLER_STACK: HandlerStack = HandlerStack(UnsafeCell::new([0; STACK]));

/// Makes the new program inherit the descriptor, and all with lower numbers.
pub fn keep(fd: RawFd) {
    // A page that isn't written stays shared with forked children.
    if fd > HIGHEST.load(Ordering::Relaxed) {
        HIGHEST.store(fd, Ordering::Relaxed);
    }
}

/// Prepares for [`reexecute`] and for faults.  A fault's signal number is written as one byte at offset `at` of
/// `note`, and the address that the kernel has for it at `address_at`, as 64 bits in the machine's byte order: that of an
/// invalid instruction, or of the memory that wasn't there.  What another process has sent has no address.
///
/// # Errors
/// The strings can't be passed on (`INVAL`), or a handler can't be installed.
pub fn arm(
    file: &[u8],
    argv: &[Vec<u8>],
    env: &[Vec<u8>],
    note: RawFd,
    (at, address_at): (u32, u32),
) -> Result<(), Errno> {
    let armed = Armed {
        pid: rustix::process::getpid().as_raw_nonzero().get(),
        file: CString::new(file).map_err(|_| Errno::INVAL)?,
        argv: Strings::new(argv)?,
        env: Strings::new(env)?,
        note,
        at: i32::try_from(at).map_err(|_| Errno::INVAL)?.into(),
        address_at: i32::try_from(address_at).map_err(|_| Errno::INVAL)?.into(),
    };
    keep(note);
    // Never freed: a handler may run at any moment.
    ARMED.store(Box::into_raw(Box::new(armed)), Ordering::Release);
    std::panic::set_hook(Box::new(|panic| {
        let text = format!("s6: fatal: {panic}\n");
        let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
        let _ = go(PANIC, None);
    }));
    let stack = libc::stack_t { ss_sp: HANDLER_STACK.0.get().cast(), ss_flags: 0, ss_size: STACK };
    // SAFETY: the memory is static, and is used for nothing else.
    if unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) } == -1 {
        return Err(crate::errno::last());
    }
    for fault in FAULTS {
        // SAFETY: all-zero bytes are a valid `sigaction` with an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_SIGINFO;
        // SAFETY: the handler only makes system calls, with data that is never freed.
        if unsafe { libc::sigaction(fault, &action, std::ptr::null_mut()) } == -1 {
            return Err(crate::errno::last());
        }
    }
    // A program that a handler executed still has the fault's signal blocked.
    signal::unblock(&Set::of(&FAULTS));
    Ok(())
}

/// Executes the new program; returns only if that fails, with the error.
#[must_use]
pub fn reexecute() -> Errno {
    let error = go(0, None);
    crate::fd::close_on_exec_from(3);
    error
}

/// Gives faults their usual effect again; for a child that outlives what its parent was armed for.
pub fn disarm() {
    for fault in FAULTS {
        // The number is valid.
        let _ = signal::set_default(fault);
    }
}

/// Async-signal-safe.
fn go(fault: Signal, address: Option<u64>) -> Errno {
    // SAFETY: once stored it is never freed or changed.
    let Some(armed) = (unsafe { ARMED.load(Ordering::Acquire).as_ref() }) else { return Errno::INVAL };
    // SAFETY: system calls on descriptors, and execve with strings that `arm` built.
    unsafe {
        if libc::getpid() != armed.pid {
            return Errno::PERM;
        }
        if let Ok(number @ 1..) = u8::try_from(fault) {
            libc::pwrite(armed.note, std::ptr::from_ref(&number).cast(), 1, armed.at);
            let address = address.unwrap_or_default();
            libc::pwrite(armed.note, std::ptr::from_ref(&address).cast(), size_of::<u64>(), armed.address_at);
        }
        for fd in 3..=HIGHEST.load(Ordering::Relaxed) {
            libc::fcntl(fd, libc::F_SETFD, 0);
        }
        let this_program: *const c_char = c"/proc/self/exe".as_ptr();
        let (argv, env) = (armed.argv.as_ptr(), armed.env.as_ptr());
        libc::execve(armed.file.as_ptr(), argv, env);
        libc::execve(this_program, argv, env);
    }
    crate::errno::last()
}

/// What abort(3) has to be in a program that uses this module: a fault like any other, where the C library's would end
/// process 1.  Without [`arm`], and in forked children, it ends the process as usual.
pub fn abort() -> ! {
    let _ = go(PANIC, None);
    signal::unblock(&Set::of(&[libc::SIGABRT]));
    // SAFETY: all are async-signal-safe.
    unsafe {
        libc::signal(libc::SIGABRT, libc::SIG_DFL);
        // Not raise(3): in a child of clone(2), musl's sends to its parent, whose number it has kept.
        libc::kill(libc::getpid(), libc::SIGABRT);
        libc::_exit(ABORTED)
    }
}

extern "C" fn on_fault(fault: c_int, info: *const libc::siginfo_t, _: *const libc::c_void) {
    // SAFETY: the kernel passes it to a handler with SA_SIGINFO; a code above 0 is a fault's own, which has an address.
    let address =
        unsafe { info.as_ref().filter(|info| info.si_code > 0).map(|info| info.si_addr().addr() as u64) };
    let _ = go(fault, address);
    // The execution failed, or this is a child that shares the handler: the fault has its usual effect after the return.
    // SAFETY: both are async-signal-safe.
    unsafe {
        libc::signal(fault, libc::SIG_DFL);
        libc::kill(libc::getpid(), fault);
    }
}
