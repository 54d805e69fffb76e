//! What follows a tool's `main`: an exit code, or another program.

use crate::{Env, Fatal, Program};

/// What a tool's `main` returns.
pub type Outcome = Result<Next, Fatal>;

/// What happens after a tool's `main`.
#[derive(Debug)]
pub enum Next {
    /// The process ends with this code.
    Exit(u8),
    /// Another program follows.
    Run(Box<Program>),
    /// Another program follows if it can be run; otherwise the second value happens.
    Try(Box<Program>, Box<Self>),
}

impl Next {
    /// Exit code 0.
    pub const SUCCESS: Self = Self::Exit(0);

    /// Runs `argv`; it is a usage error of the calling tool if that is empty.
    pub fn run(argv: Vec<Vec<u8>>, env: Env) -> Outcome {
        match argv.first() {
            None => Err(Fatal::usage()),
            Some(file) => Ok(Self::Run(Program::new(file.clone(), argv, env))),
        }
    }

    /// Runs `argv`; the process exits with code 0 if that is empty.
    pub fn run_if_any(argv: Vec<Vec<u8>>, env: Env) -> Outcome {
        if argv.is_empty() { Ok(Self::SUCCESS) } else { Self::run(argv, env) }
    }
}
