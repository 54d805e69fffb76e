//! `s6-rc-set-delete`: deletes sets and their databases.
//!
//! Exit codes: 0 done, 100 wrong usage, 111 a system call failed.

use crate::live::Lock;
use crate::repo::{REPOSITORY, Repo, check_set_name};
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-delete",
    summary: "delete sets of services",
    operands: "names...",
    options: &[
        Opt::value('v', "verbosity", "0: errors only; 1: warnings too; 2: what is done").long("verbosity"),
        Opt::value('r', "repo", "the repository").long("repodir"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    options.number::<u32>('v')?;
    let names = call.take_args();
    if names.is_empty() {
        return Err(Fatal::usage());
    }
    names.iter().try_for_each(|name| check_set_name(name))?;
    let repo = Repo::open(options.get('r').unwrap_or(REPOSITORY), Lock::Exclusive)?;
    let existing = repo.sets()?;
    // What isn't there need not be deleted.
    names.iter().filter(|name| existing.contains(name)).try_for_each(|name| repo.delete(name))?;
    Ok(Next::SUCCESS)
}
