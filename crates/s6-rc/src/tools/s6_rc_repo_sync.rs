//! `s6-rc-repo-sync`: compiles the stores of a repository anew, and brings its sets in line with them.
//!
//! Exit codes: 0 done, 1 the stores are inconsistent, 100 wrong usage, 111 a system call failed.

use crate::live::Lock;
use crate::repo::{REPOSITORY, Repo};
use tool::{Call, Next, Opt, Outcome, Role, Tool};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-repo-sync",
    summary: "bring a repository in line with its stores",
    operands: "",
    options: &[
        Opt::value('h', "user", "the user of the pipe holder; pipes are held by the supervisor here")
            .long("fdholder-user"),
        Opt::value('v', "verbosity", "0: errors only; 1: warnings too; 2: what is done").long("verbosity"),
        Opt::value('r', "repo", "the repository").long("repodir"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = options.number('v')?.unwrap_or(1);
    Repo::open(options.get('r').unwrap_or(REPOSITORY), Lock::Exclusive)?.sync(TOOL.name, verbosity)?;
    Ok(Next::SUCCESS)
}
