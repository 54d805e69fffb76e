//! What developers run: see `cargo xtask --help`.
//!
//! One module a subcommand, each with its `Args` and `run`.  Nothing here ships.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a front end for people: standard output is its job"
)]

mod arch;
mod bench;
mod build;
mod ci;
mod command;
mod debian;
mod dist;
mod docs;
mod elf;
mod emulate;
mod emulation;
mod failure;
mod figures;
mod fuzz;
mod licences;
mod linked;
mod man;
mod musl;
mod mutants;
mod os_packages;
mod packages;
mod ratchet;
mod relay;
mod release;
mod release_file;
mod reproduce;
mod run;
mod sbom;
mod smoke;
mod test;
mod test_filters;
mod tidy;
mod torture;
mod tree;
mod workflows;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build, run, test and package s6-overlay")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the program.
    Build(build::Args),
    /// Make the release tarballs and one tree of them all.
    Dist(dist::Args),
    /// Say whether all that names a version names this one, and which tag to make.
    Release(release::Args),
    /// Make the packages of the checker for pip and npm from the released program.
    Packages(packages::Args),
    /// Write docs/tools from the tools' definitions.
    Docs(docs::Args),
    /// Write the licences of all that the program is linked from.
    Licences(licences::Args),
    /// Make the man pages of all tools.
    Man(man::Args),
    /// Install what the tests need, and run them all.
    Test(test::Args),
    /// Check everything, or some of its tiers.
    Ci(ci::Args),
    /// Check the layout rules of the source tree.
    Tidy(tidy::Args),
    /// Boot the overlay as pid 1 of a container on any root file system.
    Run(run::Args),
    /// Boot a small container of a release and check its output: for releases that no test runs on.
    Smoke(smoke::Args),
    /// Boot small containers on old kernels and under strict profiles: one system call after the other fails.
    TestFilters(test_filters::Args),
    /// Run a command that can start programs of another architecture.
    Emulate(emulate::Args),
    /// Take the recorded cases that pass now off the list of known failures.
    Ratchet(ratchet::Args),
    /// Change the pure modules one place at a time, and see whether their tests notice.
    Mutants(mutants::Args),
    /// Let pid 1 of containers fault, and its system calls fail, at each of them.
    Torture(torture::Args),
    /// Run the fuzz targets.
    Fuzz(fuzz::Args),
    /// Measure.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    sandbox::enter_stage();
    let outcome = match Cli::parse().command {
        Command::Build(args) => build::run(args),
        Command::Dist(args) => dist::run(args),
        Command::Release(args) => release::run(args),
        Command::Packages(args) => packages::run(args),
        Command::Docs(args) => docs::run(args),
        Command::Licences(args) => licences::run(args),
        Command::Man(args) => man::run(args),
        Command::Test(args) => test::run(args),
        Command::Ci(args) => ci::run(args),
        Command::Tidy(args) => tidy::run(args),
        Command::Run(args) => run::run(args),
        Command::Smoke(args) => smoke::run(args),
        Command::TestFilters(args) => test_filters::run(args),
        Command::Emulate(args) => emulate::run(args),
        Command::Ratchet(args) => ratchet::run(args),
        Command::Mutants(args) => mutants::run(args),
        Command::Torture(args) => torture::run(args),
        Command::Fuzz(args) => fuzz::run(args),
        Command::Bench(args) => bench::run(args),
    };
    outcome.unwrap_or_else(|why| {
        eprintln!("xtask: {why}");
        ExitCode::FAILURE
    })
}
