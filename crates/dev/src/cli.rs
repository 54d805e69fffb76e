//! The command line: a module for each command.

mod boot;
mod check;
mod explain;
mod graph;
mod input;
mod migrate;
mod new;
mod outcome;

use boot::Boot;
use check::Check;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use explain::Explain;
use graph::Picture;
use migrate::Migrate;
use new::New;
pub use outcome::Outcome;
use outcome::USAGE;

/// Finds mistakes in images of s6-overlay before they run.
#[derive(Debug, Parser)]
#[command(
    name = "s6-overlay-dev",
    version,
    after_help = "Exit codes: 0 nothing found, 1 found, 100 wrong usage, 111 something can't be read."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Draw what the start of a container has taken its time for
    Boot(Boot),
    /// Check the services of an image
    Check(Check),
    /// Explain a code, with an example that fails and one that works
    Explain(Explain),
    /// Show what needs what
    Graph(Picture),
    /// Move an image's scripts and definitions to version 3
    Migrate(Migrate),
    /// Write a definition, with comments
    New(New),
}

/// Runs a command line.
#[must_use]
pub fn run(args: impl IntoIterator<Item = std::ffi::OsString>) -> Outcome {
    let matches = match Cli::command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(e) if e.use_stderr() => return Outcome { err: e.to_string(), code: USAGE, ..Outcome::default() },
        Err(e) => return Outcome { out: e.to_string(), ..Outcome::default() },
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(e) => return Outcome { err: e.to_string(), code: USAGE, ..Outcome::default() },
    };
    match cli.command {
        Command::Boot(boot) => boot.run().unwrap_or_else(|outcome| outcome),
        Command::Explain(explain) => explain.run(),
        Command::Graph(picture) => picture.run().unwrap_or_else(|outcome| outcome),
        Command::Migrate(migrate) => migrate.run(),
        Command::New(new) => new.run(),
        Command::Check(check) => {
            let matches = matches.subcommand_matches("check").unwrap_or(&matches);
            let options = check.severities(matches);
            check.run(&options).unwrap_or_else(|outcome| outcome)
        }
    }
}
