//! `s6-rc-set-commit`: compiles a set, ready to be installed.
//!
//! Exit codes: 0 done, 1 the set is inconsistent, 3 no such set, 100 wrong usage, 102 a damaged set, 111 a system call failed.

use crate::common_options::{
    FDHOLDER_USER, KEEP_OLD, REPOSITORY_DIR, REPOSITORY_VERBOSITY, release, repository_dir, verbosity,
};
use crate::consistency::fixes;
use crate::live::Lock;
use crate::repo::Repo;
use crate::service_set::check_set_name;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-commit",
    summary: "compile a set of services",
    operands: "set",
    options: &[
        KEEP_OLD,
        Opt::flag('f', "compile even if nothing has changed").long("force"),
        Opt::value('D', "bundle", "the name of the bundle of what starts at boot, default by default")
            .long("default-bundle"),
        FDHOLDER_USER,
        REPOSITORY_VERBOSITY,
        REPOSITORY_DIR,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    let name = call.shift()?;
    check_set_name(&name)?;
    let bundle = options.get('D').unwrap_or(b"default");
    if bundle.is_empty() || bundle.contains(&b'/') {
        return Err(Fatal::user(format_args!("\"{}\" can't be the name of a bundle", show(bundle))));
    }
    let repo = Repo::open(repository_dir(&options), Lock::Exclusive)?;
    let set = repo.set(&name)?;
    if !options.has('f') && repo.is_committed(&name)? {
        if verbosity >= 2 {
            call.info(format_args!("set {} has not changed", show(&name)));
        }
        return Ok(Next::SUCCESS);
    }
    if let Some((service, to)) = fixes(&repo.reference()?, &set, false).first() {
        let service = show(service);
        let text = format!("the set is inconsistent: something that {service} needs is only {}", to.name());
        return Err(Fatal::new(1, text));
    }
    if let Some(old) = repo.commit(TOOL.name, verbosity, &name, bundle)? {
        release(&old, &options)?;
    }
    Ok(Next::SUCCESS)
}
