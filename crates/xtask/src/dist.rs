//! `cargo xtask dist`: makes the release.

use crate::{Failure, Outcome};

/// The options of `cargo xtask dist`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
pub fn run(_args: Args) -> Outcome {
    Err(Failure("dist is not built yet".into()))
}
