//! `s6-rc-repo-list`: prints the sets of a repository.
//!
//! Exit codes: 0 done, 100 wrong usage, 111 a system call failed.

use crate::live::Lock;
use crate::repo::{REPOSITORY, Repo};
use tool::{Call, Opt, Out, Outcome, Role, Tool};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-repo-list",
    summary: "print the sets of a repository",
    operands: "",
    options: &[
        Opt::value('x', "set", "leave this one out").long("exclude"),
        Opt::value('v', "verbosity", "0: errors only; 1: warnings too; 2: what is done").long("verbosity"),
        Opt::value('r', "repo", "the repository").long("repodir"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    options.number::<u32>('v')?;
    let repo = Repo::open(options.get('r').unwrap_or(REPOSITORY), Lock::Shared)?;
    let mut out = Out::new();
    for name in repo.sets()?.iter().filter(|n| options.get('x') != Some(n.as_slice())) {
        out.line(name)?;
    }
    out.finish()
}
