//! What a run of the program comes to.

/// Found at a level that is denied.
pub const FOUND: u8 = 1;
/// A wrong command line.
pub const USAGE: u8 = 100;
/// Something can't be read or written.
pub const FAILED: u8 = 111;

/// What a run has printed, and its exit code.
#[derive(Debug, Default)]
pub struct Outcome {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

impl Outcome {
    /// What ended it: the reason for standard error.
    pub fn failed(code: u8, text: impl std::fmt::Display) -> Self {
        Self { err: format!("s6-overlay-dev: fatal: {text}\n"), code, ..Self::default() }
    }
}
