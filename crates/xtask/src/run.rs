//! `cargo xtask run`: boots the overlay in fresh namespaces.

use crate::{Failure, Outcome};

/// The options of `cargo xtask run`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
pub fn run(_args: Args) -> Outcome {
    Err(Failure("run is not built yet".into()))
}
