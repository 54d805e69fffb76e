//! `s6-rc-set-fix`: makes sets consistent.
//!
//! Exit codes: 0 done, 1 an essential service stands in the way, 3 no such set, 100 wrong usage, 102 a damaged set, 111 a system
//! call failed.

use crate::common_options::{
    DRY_RUN, FORCE_ESSENTIAL, REPOSITORY_DIR, REPOSITORY_VERBOSITY, SPARE_ESSENTIAL, repository_dir,
    verbosity,
};
use crate::consistency::fixes;
use crate::live::Lock;
use crate::repo::Repo;
use crate::service_set::{Prescription, check_set_name};
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-fix",
    summary: "make sets of services consistent",
    operands: "[ sets... ]",
    options: &[
        Opt::flag('u', "bring up what is needed").long("fix-up"),
        Opt::flag('d', "bring down what needs too much (the default)").long("fix-down"),
        SPARE_ESSENTIAL,
        FORCE_ESSENTIAL,
        DRY_RUN,
        REPOSITORY_VERBOSITY,
        REPOSITORY_DIR,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    let mut names = call.take_args();
    names.iter().try_for_each(|name| check_set_name(name))?;
    let repo = Repo::open(repository_dir(&options), Lock::Exclusive)?;
    if names.is_empty() {
        names = repo.sets()?;
    }
    let reference = repo.reference()?;
    let upwards = options.last_of("ud") == Some('u');
    let force = options.last_of("Ee") == Some('e');
    for name in &names {
        let mut set = repo.set(name)?;
        for (service, to) in fixes(&reference, &set, upwards) {
            let from = set.get(&service).copied().unwrap_or(Prescription::Masked);
            let text =
                format!("set {}: {} goes from {} to {}", show(name), show(&service), from.name(), to.name());
            if (from == Prescription::Always || to == Prescription::Always) && !force {
                return Err(Fatal::new(1, format_args!("{text}: only with --force-essential")));
            }
            if verbosity >= 1 {
                call.warn(&text);
            }
            set.set(service, to);
        }
        if !options.has('n') {
            repo.write_set(name, &set)?;
        }
    }
    Ok(Next::SUCCESS)
}
