//! `s6-rc-repo-sync`: compiles the stores of a repository again, and brings its sets in line with them.
//!
//! Exit codes: 0 done, 1 the stores are inconsistent, 100 wrong usage, 111 a system call failed.

use crate::common_options::{FDHOLDER_USER, REPOSITORY_DIR, REPOSITORY_VERBOSITY, repository_dir, verbosity};
use crate::live::Lock;
use crate::repo::Repo;
use tool::{Call, Next, Outcome, Role, Tool};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-repo-sync",
    summary: "bring a repository in line with its stores",
    operands: "",
    options: &[FDHOLDER_USER, REPOSITORY_VERBOSITY, REPOSITORY_DIR],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    Repo::open(repository_dir(&options), Lock::Exclusive)?.sync(TOOL.name, verbosity)?;
    Ok(Next::SUCCESS)
}
