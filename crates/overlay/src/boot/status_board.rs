//! Makes the status board and the record of events.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_STATUS_MODE;
use crate::pid1::NAME;
use rustix::fs::{CWD, Mode};
use std::os::fd::AsFd;
use supervision::board::DIR;
use supervisor::board::Board;
use tool::{Fatal, diag};

/// Makes both; a warning says why one is missing, and nothing else depends on them.
///
/// # Errors
/// S6_STATUS_MODE is no mode: code 100.
pub(crate) fn make(settings: &Settings<'_>) -> Result<Board, Fatal> {
    let mode = settings.umask(S6_STATUS_MODE)?.as_raw_mode();
    let (board, failed) = match files::own_dir(CWD, DIR.as_bytes(), Mode::from(0o755)) {
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
