//! `s6-rc-repo-list`: prints the sets of a repository.
//!
//! Exit codes: 0 done, 100 wrong usage, 111 a system call failed.

use crate::common_options::{REPOSITORY_DIR, REPOSITORY_VERBOSITY, repository_dir, verbosity};
use crate::live::Lock;
use crate::repo::Repo;
use tool::{Call, Opt, Out, Outcome, Role, Tool};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-repo-list",
    summary: "print the sets of a repository",
    operands: "",
    options: &[
        Opt::value('x', "set", "leave this one out").long("exclude"),
        REPOSITORY_VERBOSITY,
        REPOSITORY_DIR,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    verbosity(&options)?;
    let repo = Repo::open(repository_dir(&options), Lock::Shared)?;
    let mut out = Out::new();
    for name in repo.sets()?.iter().filter(|n| options.get('x') != Some(n.as_slice())) {
        out.line(name)?;
    }
    out.finish()
}
