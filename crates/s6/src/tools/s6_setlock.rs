//! `s6-setlock`: takes a lock on a file, then runs a program that holds it until it ends.

use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_lock};
use rustix::io::Errno;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;
use sys::fs::open;
use sys::{signal, timer};
use tool::clock;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-setlock",
    summary: "run a program while holding a lock on a file",
    operands: "file prog...",
    options: &[
        Opt::flag('n', "fail with code 1 if the lock is held"),
        Opt::flag('N', "wait for the lock (default)"),
        Opt::value('t', "timeout", "wait at most this many milliseconds for the lock"),
        Opt::value('d', "fd", "hold the lock by this descriptor"),
        Opt::flag('r', "take a shared lock"),
        Opt::flag('w', "take an exclusive lock (default)"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let timeout = options.number::<u32>('t')?.filter(|ms| *ms > 0);
    let place = options.number::<RawFd>('d')?;
    let file = call.shift()?;
    if call.args.is_empty() || place.is_some_and(|n| n < 0) {
        return Err(Fatal::usage());
    }
    let shared = options.last_of("rw") == Some('r');
    let lock = open_lock(&file, shared).or_unable_to("open", &file)?;
    let taken = if options.last_of("nN") == Some('n') {
        let how = if shared {
            FlockOperation::NonBlockingLockShared
        } else {
            FlockOperation::NonBlockingLockExclusive
        };
        fcntl_lock(&lock, how)
    } else {
        wait_for_lock(&lock, shared, timeout.map(|ms| Duration::from_millis(ms.into())))
    };
    let busy = |e| if matches!(e, Errno::ACCESS | Errno::AGAIN) { Errno::BUSY } else { e };
    taken.map_err(busy).or_unable_to("lock", &file).map_err(|f| f.with_code(1))?;
    let number = place.unwrap_or(lock.as_raw_fd());
    sys::fd::rename(lock.into_raw_fd(), number).or_unable(|| "move the lock descriptor")?;
    let env = call.take_env();
    Next::run(call.take_args(), env)
}

/// Opens the file: a shared lock needs a descriptor for reading, an exclusive one a descriptor for writing.
fn open_lock(file: &[u8], shared: bool) -> Result<OwnedFd, Errno> {
    let common = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o666);
    if !shared {
        return open(file, common | OFlags::WRONLY | OFlags::CREATE, mode);
    }
    match open(file, common | OFlags::RDONLY, mode) {
        Err(Errno::NOENT) => {
            open(file, common | OFlags::WRONLY | OFlags::CREATE, mode)?;
            open(file, common | OFlags::RDONLY, mode)
        }
        opened => opened,
    }
}

/// Waits in the kernel; a time-out ends the wait by SIGALRM.
fn wait_for_lock(lock: &OwnedFd, shared: bool, timeout: Option<Duration>) -> Result<(), Errno> {
    let how = if shared { FlockOperation::LockShared } else { FlockOperation::LockExclusive };
    let Some(timeout) = timeout else {
        loop {
            match fcntl_lock(lock, how) {
                Err(Errno::INTR) => {}
                done => return done,
            }
        }
    };
    let ignored = signal::is_ignored(signal::ALRM)?;
    signal::set_interrupting(signal::ALRM)?;
    let mask = signal::unblock(&signal::Set::of(&[signal::ALRM]));
    let until = clock::now() + timeout;
    timer::set_alarm(timeout, Duration::from_millis(10))?;
    let done = loop {
        match fcntl_lock(lock, how) {
            Err(Errno::INTR) => {
                if clock::now() >= until {
                    break Err(Errno::TIMEDOUT);
                }
            }
            done => break done,
        }
    };
    timer::set_alarm(Duration::ZERO, Duration::ZERO)?;
    // The next program may be entered without exec, which would have reset the handler.
    if ignored { signal::set_ignored(signal::ALRM) } else { signal::set_default(signal::ALRM) }?;
    signal::set_mask(&mask);
    done
}
