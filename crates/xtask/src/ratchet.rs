//! `cargo xtask ratchet`: runs the recorded cases and rewrites `tests/conformance/known-failures.txt`.

use std::env;
use std::process::{Command, ExitCode};

use crate::command::run as run_command;
use crate::failure::Outcome;
use crate::workspace;

/// The options of `cargo xtask ratchet`.
#[derive(clap::Args)]
pub struct Args {
    /// Also put failures that are new on the list: for cases that are recorded before they are served
    #[arg(long)]
    accept: bool,
    /// Only the cases whose AREA::NAME contains this
    filter: Option<String>,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::top()).args(["test", "--package=tests", "--test=conformance", "--"]);
    cargo.args(args.filter).env("RATCHET", if args.accept { "accept" } else { "tighten" });
    run_command(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}
