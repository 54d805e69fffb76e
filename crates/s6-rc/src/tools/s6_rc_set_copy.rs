//! `s6-rc-set-copy`: copies a set.
//!
//! Exit codes: 0 done, 1 the copy exists already, 3 no such set, 100 wrong usage, 102 a damaged set, 111 a system call failed.

use crate::common_options::{REPOSITORY_DIR, REPOSITORY_VERBOSITY, repository_dir, verbosity};
use crate::live::Lock;
use crate::repo::Repo;
use crate::service_set::check_set_name;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-copy",
    summary: "copy a set of services",
    operands: "source destination",
    options: &[Opt::flag('f', "replace an existing set").long("force"), REPOSITORY_VERBOSITY, REPOSITORY_DIR],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    verbosity(&options)?;
    let (from, to) = (call.shift()?, call.shift()?);
    check_set_name(&from)?;
    check_set_name(&to)?;
    if from == to {
        return Err(Fatal::user("a set can't be copied onto itself"));
    }
    let repo = Repo::open(repository_dir(&options), Lock::Exclusive)?;
    let set = repo.set(&from)?;
    if !options.has('f') && repo.sets()?.contains(&to) {
        return Err(Fatal::new(1, format_args!("set {} exists already", show(&to))));
    }
    repo.write_set(&to, &set)?;
    Ok(Next::SUCCESS)
}
