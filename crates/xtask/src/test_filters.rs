//! `cargo xtask test-filters`: boots under seccomp filters, each with a system call of newer kernels failing.

use std::process::ExitCode;

use crate::command::{run as run_command, test};
use crate::failure::Outcome;

/// The options of `cargo xtask test-filters`.
#[derive(clap::Args)]
pub struct Args {
    /// Only the boots whose name contains this, such as faccessat2
    filter: Option<String>,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    run_command(test("filters").args(args.filter))?;
    Ok(ExitCode::SUCCESS)
}
