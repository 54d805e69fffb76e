//! A program to run next.

use crate::Env;

/// The next program of a chain.
#[derive(Debug)]
pub struct Program {
    /// The file; it is looked up in PATH if it has no slash.
    pub file: Vec<u8>,
    /// Its arguments, `argv[0]` included.
    pub argv: Vec<Vec<u8>>,
    /// Its environment.
    pub env: Env,
}

impl Program {
    /// In a box, which keeps the value that a tool's `main` returns small.
    #[must_use]
    pub fn new(file: Vec<u8>, argv: Vec<Vec<u8>>, env: Env) -> Box<Self> {
        Box::new(Self { file, argv, env })
    }
}
