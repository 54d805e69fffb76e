//! Sending letters into a control FIFO, and asking whether anybody would read them.
//!
//! Works on the service directories of any supervisor that keeps the reference's files.

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// The directory of a service's supervisor in the service directory.
pub const SUPERVISE: &[u8] = b"supervise";

/// The directory of a scan directory's host in the scan directory.
pub const SVSCAN: &[u8] = b".s6-svscan";

/// Why letters did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undelivered {
    /// Nobody reads the FIFO: no supervisor, or no host, runs on the directory.
    NobodyListens,
    /// The directory isn't one that a supervisor, or a host, has run on.
    NotThere,
    /// The system refused.
    Failed(Errno),
}

/// `dir` and the parts below it, with slashes between.
#[must_use]
pub fn join(dir: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let mut path = dir.to_vec();
    for part in rest {
        path.push(b'/');
        path.extend_from_slice(part);
    }
    path
}

/// Writes `letters` into `dir/subdir/control` at once; `subdir` is [`SUPERVISE`] or [`SVSCAN`].
///
/// Without letters it only finds out whether the FIFO is listened to.
///
/// # Errors
/// Why nothing arrived.
pub fn send(dir: &[u8], subdir: &[u8], letters: &[u8]) -> Result<(), Undelivered> {
    let fifo = join(dir, &[subdir, b"control"]);
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = match sys::fs::open(fifo, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NXIO) => return Err(Undelivered::NobodyListens),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ISDIR) => return Err(why_not_there(dir, subdir)),
        Err(e) => return Err(Undelivered::Failed(e)),
    };
    if letters.is_empty() {
        return Ok(());
    }
    // A full FIFO is waited for.
    rustix::fs::fcntl_setfl(&fd, OFlags::empty()).map_err(Undelivered::Failed)?;
    let written = rustix::io::retry_on_intr(|| rustix::io::write(&fd, letters));
    written.map(drop).map_err(Undelivered::Failed)
}

/// A directory that exists but was never supervised counts as one that nobody listens on.
fn why_not_there(dir: &[u8], subdir: &[u8]) -> Undelivered {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = match sys::fs::openat(CWD, dir, flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(e) => return Undelivered::Failed(e),
    };
    match sys::fs::openat(dir, subdir, flags, Mode::empty()) {
        Err(Errno::NOENT) => Undelivered::NobodyListens,
        _ => Undelivered::NotThere,
    }
}

/// Whether a supervisor runs on the service directory.
///
/// # Errors
/// The lock file exists and cannot be read.
pub fn is_supervised(dir: &[u8]) -> Result<bool, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match sys::fs::open(join(dir, &[SUPERVISE, b"lock"]), flags, Mode::empty()) {
        Ok(fd) => sys::lock::is_locked(fd),
        Err(Errno::NOENT) => Ok(false),
        Err(e) => Err(e),
    }
}
