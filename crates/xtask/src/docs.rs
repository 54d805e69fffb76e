//! `cargo xtask docs`: writes `docs/tools/` from the tools' definitions, the tables of `docs/guide/variables.md`, and the sizes that
//! pages state.

use std::path::Path;
use std::process::ExitCode;

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::figures;

/// The options of `cargo xtask docs`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
pub fn run(_args: Args) -> Outcome {
    manual("docs", None)?;
    figures::fill()?;
    println!("docs/tools docs/guide/variables.md, and the figures of docs/figures.toml");
    Ok(ExitCode::SUCCESS)
}

/// Runs the program that links all suites and knows how to write about them.
pub fn manual(what: &str, directory: Option<&Path>) -> Result<(), Failure> {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--package=manual", "--", what]).args(directory);
    run_command(&mut cargo)
}
