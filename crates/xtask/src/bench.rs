//! `cargo xtask bench`: measures.

use crate::{Failure, Outcome};

/// The options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
pub fn run(_args: Args) -> Outcome {
    Err(Failure("bench is not built yet".into()))
}
