//! Reads the files that a supervisor keeps about its service.

use crate::control::{SUPERVISE, join};
use rustix::fs::{Access, CWD};
use rustix::io::Errno;
use wire::death_tally::{self, Death};
use wire::svstatus::Status;

fn read(dir: &[u8], name: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
    files::read_file(CWD, &join(dir, &[SUPERVISE, name]), limit)
}

/// The status of the service in `dir`.
///
/// # Errors
/// The file cannot be read; `PIPE` if it is too short, `IO` if it is damaged.
pub fn read_status(dir: &[u8]) -> Result<Status, Errno> {
    let bytes = read(dir, b"status", wire::svstatus::SIZE)?;
    if bytes.len() < wire::svstatus::SIZE {
        return Err(Errno::PIPE);
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
