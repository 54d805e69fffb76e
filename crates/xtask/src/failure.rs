//! Why a subcommand failed.

use std::path::Path;
use std::process::ExitCode;
use std::{fmt, io};

use crate::workspace;

/// Why a subcommand failed: one sentence for people.
#[derive(Debug)]
pub struct Failure(pub String);

impl Failure {
    /// For `map_err`: what couldn't be done with which file.
    pub fn unable(verb: &str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |why| Self(format!("unable to {verb} {}: {why}", workspace::shown(path)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a subcommand gives back: the exit code, or the reason for a failure (exit code 1).
pub type Outcome = Result<ExitCode, Failure>;
