//! `cargo xtask emulate`: a command that can start programs of another architecture, such as the recorded cases.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::arch::{self, Arch};
use crate::emulation::{self, Argv0};
use crate::failure::{Failure, Outcome};

/// The options of `cargo xtask emulate`.
#[derive(clap::Args)]
pub struct Args {
    /// The architecture, whose programs qemu-user-static runs where this machine doesn't
    #[arg(long, value_name = "NAME", value_parser = arch::named)]
    arch: &'static Arch,
    /// The command; without root it is the only user there
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    if !args.arch.runs_here() {
        emulation::begin(args.arch, Argv0::Kept)?;
    }
    let mut words = args.command.into_iter();
    let program = words.next().unwrap_or_default();
    let why = Command::new(&program).args(words).exec();
    Err(Failure(format!("unable to run {}: {why}", program.display())))
}
