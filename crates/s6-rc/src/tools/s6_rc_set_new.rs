//! `s6-rc-set-new`: makes sets with the prescriptions that the services ask for.
//!
//! Exit codes: 0 done, 100 wrong usage or a set that exists, 111 a system call failed.

use crate::live::Lock;
use crate::repo::{REPOSITORY, Repo, check_set_name};
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-new",
    summary: "make sets of services",
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
    let set = Repo::default_set(&repo.reference()?);
    let existing = repo.sets()?;
    for name in &names {
        if existing.contains(name) {
            return Err(Fatal::user(format!("set {} exists already", show(name))));
        }
        repo.write_set(name, &set)?;
    }
    Ok(Next::SUCCESS)
}
