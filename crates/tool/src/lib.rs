//! What every tool stands on: its entry in the table, its options, its diagnostics, and the way on to the
//! next program.
//!
//! A tool is one `static TOOL: Tool` in one file.  Its `main` gets a [`Call`] (name, arguments, environment)
//! and gives back a [`Next`]: exit with a code, or run another program.  A fatal error is a value,
//! [`Fatal`]; [`run`] is the one place that prints it and exits, and that answers `--help` where a tool has no other use
//! for that word.
//!
//! Nothing here touches descriptors, signals or the mask: a tool finds them as exec left them.

mod buffer;
mod call;
mod chain;
pub mod clock;
pub mod diag;
mod env;
pub mod exec_failure;
mod fatal;
pub mod file;
mod help;
mod input;
pub mod local_time;
mod opt;
mod out;
pub mod path;
pub mod processes;
mod quote;
mod spawn;

pub use buffer::Buffer;
pub use call::Call;
pub use chain::{DEFAULT_PATH, lookup, own_file, run, set_table};
pub use env::Env;
pub use fatal::{Fatal, OrUnable};
pub use help::{help, option_form, usage_line};
pub use input::{Input, Line};
pub use opt::{Opt, Options};
pub use out::Out;
pub use quote::quote;
pub use spawn::{Setup, spawn, spawn_as, try_spawn, unable_to_spawn};

/// What a tool's `main` gives back.
pub type Outcome = Result<Next, Fatal>;

/// How a tool may be entered from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It doesn't stay: it changes its own process state and goes on to another program, or answers and exits.
    /// A chain of such tools runs in one process, without exec.
    Chain,
    /// It stays, or works for long: always really executed, so that `ps` shows its command line.
    Stay,
}

/// A command: one entry of the tool table.
#[derive(Debug)]
pub struct Tool {
    /// The exact basename that it is called by.
    pub name: &'static str,
    /// One line: what it does.
    pub summary: &'static str,
    /// The operands of the usage line, such as `file prog...`.
    pub operands: &'static str,
    /// The options, each defined once: parsing, usage line and documentation derive from them.
    pub options: &'static [Opt],
    /// How it may be entered.
    pub role: Role,
    /// The program.
    pub main: fn(&mut Call) -> Outcome,
}

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

/// A program to go on to.
#[derive(Debug)]
pub struct Program {
    /// What is looked up: in PATH if it has no slash.
    pub file: Vec<u8>,
    /// Its arguments, argv[0] included.
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
