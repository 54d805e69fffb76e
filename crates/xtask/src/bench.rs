//! `cargo xtask bench`: measures.  Figures for people; no test depends on a time.

mod boot;
mod checker;
mod execline;
mod figures;
mod log;
mod peers;
mod s6_rc;
mod supervision;

use crate::failure::Outcome;

/// The options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Boot and end of a container, processes and memory, beside a pid 1 that only starts the daemons.
    Boot(boot::Args),
    /// The checker: checking and drawing many services.
    Checker(checker::Args),
    /// Chains of execline commands, beside Debian's.
    Execline(execline::Args),
    /// s6-log: CPU time for a flood and for a trickle of lines, beside Debian's.
    Log(log::Args),
    /// The same daemons under runit, supervisord, tini, Debian's s6 and this.
    Peers(peers::Args),
    /// Compiling and changing many services.
    S6Rc(s6_rc::Args),
    /// A scan directory with many services: start, restart, queries, memory, idleness, beside Debian's s6.
    Supervision(supervision::Args),
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    match args.what {
        What::Boot(args) => boot::run(args),
        What::Checker(args) => checker::run(args),
        What::Supervision(args) => supervision::run(args),
        What::Execline(args) => execline::run(args),
        What::Log(args) => log::run(args),
        What::Peers(args) => peers::run(args),
        What::S6Rc(args) => s6_rc::run(args),
    }
}
