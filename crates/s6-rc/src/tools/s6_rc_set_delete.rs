//! `s6-rc-set-delete`: deletes sets and their databases.
//!
//! Exit codes: 0 done, 100 wrong usage, 111 a system call failed.

use crate::common_options::{REPOSITORY_DIR, REPOSITORY_VERBOSITY, repository_dir, verbosity};
use crate::live::Lock;
use crate::repo::Repo;
use crate::service_set::check_set_name;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-delete",
    summary: "delete sets of services",
    operands: "names...",
    options: &[REPOSITORY_VERBOSITY, REPOSITORY_DIR],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    verbosity(&options)?;
    let names = call.take_args();
    if names.is_empty() {
        return Err(Fatal::usage());
    }
    names.iter().try_for_each(|name| check_set_name(name))?;
    let repo = Repo::open(repository_dir(&options), Lock::Exclusive)?;
    let existing = repo.sets()?;
    // A set that doesn't exist needs no deletion.
    names.iter().filter(|name| existing.contains(name)).try_for_each(|name| repo.delete(name))?;
    Ok(Next::SUCCESS)
}
