//! `s6-rc-set-new`: makes sets with the prescriptions that the services ask for.
//!
//! Exit codes: 0 done, 100 wrong usage or a set that exists, 111 a system call failed.

use crate::common_options::{REPOSITORY_DIR, REPOSITORY_VERBOSITY, repository_dir, verbosity};
use crate::live::Lock;
use crate::repo::Repo;
use crate::service_set::{check_set_name, default_set};
use tool::{Call, Fatal, Next, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-new",
    summary: "make sets of services",
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
    let set = default_set(&repo.reference()?);
    let existing = repo.sets()?;
    for name in &names {
        if existing.contains(name) {
            return Err(Fatal::user(format_args!("set {} exists already", show(name))));
        }
        repo.write_set(name, &set)?;
    }
    Ok(Next::SUCCESS)
}
