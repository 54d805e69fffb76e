//! The part of a service directory that its supervisor keeps: `event/` and `supervise/`.

use files::{Permissions, Replace, Writers, replace_or_overwrite};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use supervision::control::REFUSED;
use tool::{Fatal, OrUnable};
use wire::fifodir::ServiceEvent;
use wire::svstatus::Status;

/// The death tally, in a service directory.
pub(super) const DEATH_TALLY: &str = "supervise/death_tally";

/// The control FIFO, in a service directory.
pub(crate) const CONTROL: &str = "supervise/control";

/// The lock, in a service directory.
pub(crate) const LOCK: &str = "supervise/lock";

/// The status, in a service directory.
pub(crate) const STATUS: &str = "supervise/status";

/// The descriptors of a directory that this process supervises.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The control FIFO, open for both directions so that it never ends.
    pub(crate) control: OwnedFd,
    /// The process that holds this lock is the directory's supervisor.
    pub(crate) lock: OwnedFd,
}

/// Where a directory is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It was there.
    Found,
    /// It is new.
    Made,
    /// It is new, and the name is a link to it.
    MadeElsewhere,
}

/// The group of this process, which doesn't change: supervisor processes have it from their host.
pub(crate) fn group() -> u32 {
    static GROUP: AtomicU32 = AtomicU32::new(u32::MAX);
    match GROUP.load(Ordering::Relaxed) {
        u32::MAX => {
            let group = rustix::process::getegid().as_raw();
            GROUP.store(group, Ordering::Relaxed);
            group
        }
        group => group,
    }
}

/// Makes a directory for its owner alone, at the target of a dangling link if there is one.
fn make_dir(at: BorrowedFd<'_>, name: &str) -> Result<Place, Fatal> {
    match sys::fs::mkdirat(at, name, Mode::RWXU) {
        Ok(()) => return Ok(Place::Made),
        Err(Errno::EXIST) => {}
        Err(e) => return Err(Fatal::unable(format_args!("mkdir {name}"), e)),
    }
    match sys::fs::statat(at, name, AtFlags::empty()) {
        Ok(st) if FileType::from_raw_mode(st.st_mode).is_dir() => Ok(Place::Found),
        Ok(_) => Err(Fatal::user(format_args!("{name} exists and is not a directory"))),
        Err(Errno::NOENT) => {
            let target =
                sys::fs::readlinkat(at, name, Vec::new()).or_unable(|| format!("readlink {name}"))?;
            sys::fs::mkdirat(at, target.as_c_str(), Mode::RWXU).or_unable_to("mkdir", target.as_bytes())?;
            Ok(Place::MadeElsewhere)
        }
        Err(e) => Err(Fatal::unable(format_args!("stat {name}"), e)),
    }
}

/// Makes a FIFO for its owner alone unless it exists, and opens it for both directions.
pub(crate) fn open_fifo(at: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Fatal> {
    let made = match sys::fs::mknodat(at, name, FileType::Fifo, Mode::from_raw_mode(0o600), 0) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(e) => return Err(Fatal::unable(format_args!("mkfifo {name}"), e)),
    };
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = sys::fs::openat(at, name, flags, Mode::empty()).or_unable(|| format!("open {name}"))?;
    // The directory is this user's alone.
    if !made {
        let st = sys::fs::fstat(&fd).or_unable(|| format!("stat {name}"))?;
        if FileType::from_raw_mode(st.st_mode) != FileType::Fifo {
            return Err(Fatal::user(format_args!("{name} is not a FIFO")));
        }
    }
    Ok(fd)
}

/// Takes the lock `name`, made with `mode` unless it exists; `None` if another process holds it.
pub(crate) fn take_lock(at: BorrowedFd<'_>, name: &str, mode: u32) -> Result<Option<OwnedFd>, Fatal> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CREATE | OFlags::CLOEXEC;
    let lock =
        sys::fs::openat(at, name, flags, Mode::from_raw_mode(mode)).or_unable(|| format!("open {name}"))?;
    let taken = sys::lock::try_exclusive(&lock).or_unable(|| format!("lock {name}"))?;
    Ok(taken.then_some(lock))
}

/// Opens a control FIFO that this process reads for writing, too.
pub(crate) fn open_writer(dir: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    sys::fs::openat(dir, CONTROL, flags, Mode::empty())
}

/// Marks a directory as one that isn't going to be supervised for now, and announces that to those that wait for it.
pub(crate) fn refuse(dir: BorrowedFd<'_>) {
    let _ = make_dir(dir, "supervise");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    // Who waits reads the mark after the event, or before it subscribes.
    let _ = sys::fs::openat(dir, REFUSED, flags, Mode::from_raw_mode(0o644));
    let _ = supervision::fifodir::notify_at(dir, b"event", &[ServiceEvent::PermanentFailure.letter()]);
}

/// Becomes the supervisor of a directory.
///
/// The umask must not take away permissions of the owner.
///
/// # Errors
/// Code 100: another process supervises it, or a name belongs to another kind of file; 111: the system failed.
pub(super) fn take(dir: BorrowedFd<'_>) -> Result<Hold, Fatal> {
    let event = make_dir(dir, "event")?;
    if event != Place::Found {
        // A new directory has this process's group or its parent's.
        let is_right = |parent: Stat| event == Place::Made && parent.st_gid == group();
        if !sys::fs::fstat(dir).is_ok_and(is_right) {
            let group = Some(Gid::from_raw(group()));
            sys::fs::chownat(dir, "event", None, group, AtFlags::empty()).or_unable(|| "chown event")?;
        }
        sys::fs::chmodat(dir, "event", Mode::from_raw_mode(0o3730), AtFlags::empty())
            .or_unable(|| "chmod event")?;
    }
    let is_new = make_dir(dir, "supervise")? != Place::Found;
    let Hold { control, lock } = take_again(dir)?;
    let mode = Mode::from_raw_mode(0o666);
    if !is_new || sys::fs::mknodat(dir, DEATH_TALLY, FileType::RegularFile, mode, 0).is_err() {
        let _ = sys::fs::unlinkat(dir, REFUSED, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        sys::fs::openat(dir, DEATH_TALLY, flags, mode).or_unable(|| format!("truncate {}", DEATH_TALLY))?;
    }
    if event == Place::Found {
        match supervision::fifodir::clean_at(dir, b"event") {
            // Those that may make names there keep no service from being supervised by making too many.
            Err(Errno::USERS) => {}
            done => done.or_unable(|| "clean event")?,
        }
    }
    Ok(Hold { control, lock })
}

/// Becomes the supervisor of a directory that another one has left as it was.
///
/// # Errors
/// As [`take`].
pub(crate) fn take_again(dir: BorrowedFd<'_>) -> Result<Hold, Fatal> {
    let Some(lock) = take_lock(dir, LOCK, 0o644)? else {
        return Err(Fatal::user("another supervisor runs on this directory"));
    };
    let control = open_fifo(dir, CONTROL)?;
    Ok(Hold { control, lock })
}

/// Replaces a file in one step, or overwrites it if there is no room for another one: its content is right either way.
/// The lock makes this process the only one that does.
pub(super) fn replace(dir: BorrowedFd<'_>, name: &str, bytes: &[u8]) -> Result<(), Errno> {
    let how = Replace::with(Permissions::LessUmask(0o666), Writers::One);
    replace_or_overwrite(dir, name.as_bytes(), bytes, how).map(drop)
}

/// Writes the status file.
pub(super) fn write_status(dir: impl AsFd, status: &Status) -> Result<(), Errno> {
    replace(dir.as_fd(), STATUS, &status.pack())
}

/// Whether the status file has what a former supervisor would have written for this status.
pub(super) fn has_status(dir: impl AsFd, status: &Status) -> bool {
    // The mark of a service that hasn't been started is in the file only.
    supervision::status::read_status_at(dir, STATUS.as_bytes())
        .is_ok_and(|found| Status { paused: found.paused, ..*status } == found)
}
