//! `cargo xtask ratchet`: runs the recorded cases and rewrites `tests/conformance/known-failures.txt`.

use std::process::ExitCode;

use crate::command::{run as run_command, test};
use crate::failure::Outcome;

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
    let ratchet = if args.accept { "accept" } else { "tighten" };
    run_command(test("conformance").args(args.filter).env("RATCHET", ratchet))?;
    Ok(ExitCode::SUCCESS)
}
