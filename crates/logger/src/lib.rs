//! What `s6-log` is made of: its script, the lines of its input, the log directories that it fills.
//!
//! [`script`], [`lines`], [`feed`] and [`archive`] decide and touch nothing; [`logdir`] has the files.

mod archive;
mod feed;
mod lines;
mod logdir;
mod logger;
mod script;
pub mod stamp;
pub mod syslog;

pub use logger::{Logger, Settings};
pub use script::{Script, parse};

/// Whether `s6-log` takes these words as its script.
///
/// # Errors
/// What is wrong with them, and with which.
pub fn check_script(words: &[Vec<u8>]) -> Result<(), String> {
    parse(words).map(|_| ())
}
