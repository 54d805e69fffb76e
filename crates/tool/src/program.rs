//! A program to run next.

use crate::Env;

/// A program to go on to.
#[derive(Debug)]
pub struct Program {
    /// What is looked up: in PATH if it has no slash.
    pub file: Vec<u8>,
    /// Its arguments, `argv[0]` included.
    pub argv: Vec<Vec<u8>>,
    /// Its environment.
    pub env: Env,
}

impl Program {
    /// In a box: what a tool's `main` hands on is small.
    #[must_use]
    pub fn new(file: Vec<u8>, argv: Vec<Vec<u8>>, env: Env) -> Box<Self> {
        Box::new(Self { file, argv, env })
    }
}
