//! The base of every tool: its entry in the table, its options, its diagnostics, and chain loading.
//!
//! A tool is one `static TOOL: Tool` in one file.  Its `main` gets a [`Call`] (name, arguments, environment)
//! and returns a [`Next`]: exit with a code, or run another program.  A fatal error is a value,
//! [`Fatal`]; [`run`] is the one place that prints it and exits, and that answers `--help`, unless that word means something
//! else to the tool.
//!
//! Nothing here touches descriptors, signals or the mask: a tool finds them as exec left them.

mod binary;
mod buffer;
mod call;
mod chain;
pub mod clock;
pub mod diag;
mod edit_distance;
pub mod ends;
mod env;
pub mod exec_failure;
mod fatal;
pub mod file;
mod help;
mod input;
pub mod local_time;
mod next;
mod opt;
mod out;
pub mod path;
pub mod processes;
mod program;
mod quote;
pub mod script;
pub mod sorted;
mod spawn;
mod tool;

pub use binary::tool_file;
pub use buffer::Buffer;
pub use call::Call;
pub use chain::{DEFAULT_PATH, conclude, lookup, run, set_table};
pub use edit_distance::{did_you_mean, nearest, similar};
pub use env::Env;
pub use fatal::{Fatal, OrUnable, Text};
pub use help::{help, usage_line};
pub use input::{Input, Line};
pub use next::{Next, Outcome};
pub use opt::{Opt, Options, option_form};
pub use out::Out;
pub use program::Program;
pub use quote::quote;
pub use spawn::{Setup, spawn, spawn_as, try_spawn, unable_to_spawn};
pub use tool::{Role, Tool};
