//! What `s6-log` is made of: its script, the lines of its input, the log directories that it fills.
//!
//! [`script`], [`lines`], [`feed`] and [`archive`] decide and touch nothing; [`logdir`] has the files.

pub(crate) mod archive;
pub(crate) mod feed;
pub(crate) mod lines;
pub(crate) mod logdir;
pub(crate) mod script;
pub(crate) mod stamp;

/// Whether `s6-log` takes these words as its script.
///
/// # Errors
/// What is wrong with them, and with which.
pub fn check_script(words: &[Vec<u8>]) -> Result<(), String> {
    script::parse(words).map(|_| ())
}
