//! Makes the status board and the record of events.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_STATUS_MODE;
use crate::pid1::NAME;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use supervision::board::DIR;
use supervisor::board::Board;
use tool::{Fatal, diag};

/// Makes both; a warning says why one is missing, and nothing else depends on them.
///
/// # Errors
/// S6_STATUS_MODE is no mode: code 100.
pub(crate) fn make(settings: &Settings<'_>) -> Result<Board, Fatal> {
    let mode = settings.umask(S6_STATUS_MODE)?.as_raw_mode();
    let (board, failed) = match open_folder() {
        Ok(folder) => Board::create(folder.as_fd(), mode),
        Err(e) => (Board::default(), Some(e)),
    };
    if let Some(e) = failed.filter(|_| settings.verbosity() > 0) {
        let text =
            format!("unable to make the status board in {DIR}, which is missing: {}", sys::strerror(e));
        diag::warn(NAME, &text);
    }
    Ok(board)
}

/// The folder, which nobody but this user can write to.
fn open_folder() -> Result<OwnedFd, Errno> {
    match sys::fs::mkdir(DIR, Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = sys::fs::open(DIR, flags, Mode::empty())?;
    let found = sys::fs::fstat(&folder)?;
    let is_own = found.st_uid == rustix::process::geteuid().as_raw() && found.st_mode & 0o022 == 0;
    if is_own { Ok(folder) } else { Err(Errno::PERM) }
}
