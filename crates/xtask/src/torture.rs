//! `cargo xtask torture`: a simulation in which any effect of the host fails or is preceded by a fault, and containers in
//! which, at any system call of pid 1, it faults or the call fails.
//!
//! The simulation is a unit test of the supervisor, of which the gate runs some hundred plans.  The containers are those of the test `torture`, which tries some hundred points; this runs it with all of them.

use std::process::ExitCode;

use crate::command::cargo;
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
A point is a system call and what happens there: openat:37:ENFILE lets the 37th openat fail with this error,
openat:37:SIGSEGV lets the process fault once the call has been carried out.  An untouched container tells which calls
there are, and a table which errors each can really fail with.  Two points joined by + are a fault, and what happens while
the process recovers from it.

  one         pid 1, which supervises all services itself
  processes   pid 1, with a supervisor process for each service
  relay       as one, with a relay for the services' output
  supervisor  the supervisor process of one service

Each container runs the same scenario: readiness, restarts, a pipeline with counted lines, oneshots with up and down, a CMD
with an exit code. It has to come to the same end as the untouched one: nothing lost, nothing late, nothing twice, and a
word about each fault. What doesn't is printed as the command that shows it again.";

/// The options of `cargo xtask torture`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Only this layout
    #[arg(long, value_parser = ["one", "processes", "relay", "supervisor"])]
    layout: Option<String>,
    /// Only this point
    #[arg(long, value_name = "CALL:NUMBER:KIND")]
    point: Option<String>,
    /// Write all calls of the process into this file
    #[arg(long, value_name = "FILE", requires_all = ["point", "layout"])]
    trace: Option<String>,
    /// So many plans of the simulation, first
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    plans: u32,
    /// So many points of each layout, instead of all
    #[arg(long, value_name = "N", conflicts_with = "point")]
    points: Option<usize>,
    /// For so many faults of each layout, something happens during the recovery, too
    #[arg(long, value_name = "N", default_value_t = 10)]
    twice: usize,
    /// Which points, and in which order
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Begin no new point after that time
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// How many containers at the same time; they mostly wait
    #[arg(long, value_name = "N", default_value_t = 8)]
    jobs: usize,
    /// Print the points, and try none
    #[arg(long)]
    list: bool,
}

/// Runs the simulation.
fn simulate(plans: u32, seed: u64) -> Result<bool, Failure> {
    println!("simulation: {plans} plans, seed {seed}");
    let mut cargo = cargo();
    cargo.args(["test", "--quiet", "--package=supervisor", "--lib", "--"]);
    cargo.args(["--exact", "host::tests::torture::plans"]);
    cargo.env("S6_TORTURE_PLANS", plans.to_string()).env("S6_TORTURE_SEED", seed.to_string());
    // A plan is a millisecond of work then.
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "2");
    let status = cargo.status().map_err(|why| Failure(format!("unable to run cargo: {why}")))?;
    Ok(status.success())
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    if args.plans > 0 && args.point.is_none() && !args.list && !simulate(args.plans, args.seed)? {
        return Ok(ExitCode::FAILURE);
    }
    let mut cargo = cargo();
    cargo.args(["test", "--quiet", "--package=tests", "--test=torture", "--"]);
    cargo.args(["--quiet", &format!("--test-threads={}", args.jobs)]).args(args.list.then_some("--list"));
    cargo.env("S6_TORTURE_SEED", args.seed.to_string());
    cargo.env("S6_TORTURE_TWICE", args.twice.to_string());
    cargo.env("S6_TORTURE_POINTS", args.points.map_or_else(|| "all".to_owned(), |n| n.to_string()));
    for (name, value) in [
        ("S6_TORTURE_LAYOUT", args.layout),
        ("S6_TORTURE_POINT", args.point),
        ("S6_TORTURE_TRACE", args.trace),
        ("S6_TORTURE_SECONDS", args.seconds.map(|n| n.to_string())),
    ] {
        match value {
            Some(value) => cargo.env(name, value),
            None => cargo.env_remove(name),
        };
    }
    let status = cargo.status().map_err(|why| Failure(format!("unable to run cargo: {why}")))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
