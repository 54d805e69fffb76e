//! `cargo xtask build`: builds the program.

use crate::{Failure, Outcome};

/// The options of `cargo xtask build`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
pub fn run(_args: Args) -> Outcome {
    Err(Failure("build is not built yet".into()))
}
