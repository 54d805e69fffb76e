//! `cargo xtask tidy`: checks the layout rules.

use crate::{Failure, Outcome};

/// The options of `cargo xtask tidy`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
pub fn run(_args: Args) -> Outcome {
    Err(Failure("tidy is not built yet".into()))
}
