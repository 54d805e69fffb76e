//! What follows a tool's `main`: an exit code, or another program.

use crate::{Env, Fatal, Program};

/// What a tool's `main` gives back.
pub type Outcome = Result<Next, Fatal>;

/// What happens after a tool's `main`.
#[derive(Debug)]
pub enum Next {
    /// The process ends with this code.
    Exit(u8),
    /// Another program takes over.
    Run(Box<Program>),
    /// Another program takes over if it can be run; what happens otherwise.
    Try(Box<Program>, Box<Self>),
}

impl Next {
    /// The end with code 0.
    pub const SUCCESS: Self = Self::Exit(0);

    /// Goes on to `argv`; without a word in it that is a usage error of the calling tool.
    pub fn run(argv: Vec<Vec<u8>>, env: Env) -> Outcome {
        match argv.first() {
            None => Err(Fatal::usage()),
            Some(file) => Ok(Self::Run(Program::new(file.clone(), argv, env))),
        }
    }

    /// Goes on to `argv`; without a word in it the process ends with code 0.
    pub fn run_if_any(argv: Vec<Vec<u8>>, env: Env) -> Outcome {
        if argv.is_empty() { Ok(Self::SUCCESS) } else { Self::run(argv, env) }
    }
}
