//! Reads the files that a supervisor keeps about its service.

use crate::control::{SUPERVISE, join};
use rustix::fs::{Access, CWD, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::AsFd;
use wire::death_tally::{self, Death};
use wire::svstatus::{SIZE, Status};

/// At most this often a status is read again because it has changed meanwhile.
const READS_AT_MOST: usize = 4;

fn read(dir: &[u8], name: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
    files::read_file(CWD, &join(dir, &[SUPERVISE, name]), limit)
}

/// The status of the service in `dir`.
///
/// # Errors
/// The file cannot be read; `PIPE` if it is too short, `IO` if it is damaged.
pub fn read_status(dir: &[u8]) -> Result<Status, Errno> {
    read_status_at(CWD, &join(dir, &[SUPERVISE, b"status"]))
}

/// The status in the file `name` in a directory.
///
/// # Errors
/// As [`read_status`].
pub fn read_status_at(at: impl AsFd, name: &[u8]) -> Result<Status, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = sys::fs::openat(at, name, flags, Mode::empty())?;
    let once = || {
        let mut bytes = [0; SIZE];
        match rustix::io::retry_on_intr(|| rustix::io::pread(&file, &mut bytes, 0))? {
            SIZE => Ok(bytes),
            _ => Err(Errno::PIPE),
        }
    };
    // On a full disk the supervisor overwrites the file in place: a read at that moment may get a part of either status.
    // What is read twice is whole.
    let mut bytes = once()?;
    for _ in 0..READS_AT_MOST {
        match once()? {
            same if same == bytes => break,
            other => bytes = other,
        }
    }
    Status::unpack(&bytes).ok_or(Errno::IO)
}

/// The last deaths of the service in `dir`, oldest first; none if nothing was recorded.
///
/// # Errors
/// The file cannot be read; `NOENT` if the service was never supervised; `IO` if it is damaged.
pub fn read_deaths(dir: &[u8]) -> Result<Vec<Death>, Errno> {
    let bytes = match read(dir, b"death_tally", death_tally::RECORDS_MAX * death_tally::RECORD) {
        Err(Errno::NOENT) => {
            // A supervisor writes the status at its start, the tally at the first death.
            return sys::fs::access(join(dir, &[SUPERVISE, b"status"]), Access::EXISTS).map(|()| Vec::new());
        }
        bytes => bytes?,
    };
    death_tally::parse(&bytes).ok_or(Errno::IO)
}
