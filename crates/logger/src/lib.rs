//! What `s6-log` is made of: its script, the lines of its input, the log directories that it fills.
//!
//! [`script`], [`lines`], [`feed`] and [`archive`] decide and touch nothing; [`logdir`] has the files, above a [`logdir::system`] that tests replace.

mod archive;
mod feed;
mod lines;
mod logdir;
mod logger;
mod script;
pub mod stamp;
pub mod syslog;

pub use archive::is_archive;
pub use logger::{DEFAULT_LINE_END_LIMIT, DEFAULT_LINE_LIMIT, Logger, MIN_LINE_LIMIT, Settings};
pub use script::{Script, parse};

/// Checks words that are to be a script of `s6-log`.
///
/// # Errors
/// What is wrong with them, and with which.
pub fn check_script(words: &[Vec<u8>]) -> Result<(), String> {
    parse(words).map(|_| ())
}
