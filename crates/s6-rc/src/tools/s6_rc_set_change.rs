//! `s6-rc-set-change`: gives services of a set another prescription.
//!
//! Exit codes: 0 done, 1 dependencies forbid it, 3 no such set or service, 4 a damaged reference, 100 wrong usage, 102 a damaged
//! repository, 111 a system call failed.

use crate::common_options::{
    DRY_RUN, FORCE_ESSENTIAL, REPOSITORY_DIR, REPOSITORY_VERBOSITY, SPARE_ESSENTIAL, repository_dir,
    verbosity,
};
use crate::consistency::companions;
use crate::live::{Lock, select};
use crate::repo::Repo;
use crate::service_set::{Prescription, check_set_name};
use tool::{
    Call, Fatal, Next, Opt, Outcome, Role, Tool,
    diag::{show, shown},
};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-change",
    summary: "change the prescriptions of services in a set",
    operands: "set mask|unmask|disable|enable|always services...",
    options: &[
        SPARE_ESSENTIAL,
        FORCE_ESSENTIAL,
        DRY_RUN,
        Opt::flag('\u{1}', "do it (the default)").long("no-dry-run"),
        Opt::flag('f', "continue in spite of dependencies (the default)"),
        Opt::flag('I', "warn of dependencies that don't fit (the default)").long("no-fail-on-dependencies"),
        Opt::flag('i', "fail on dependencies that don't fit").long("fail-on-dependencies"),
        Opt::flag('P', "leave dependencies as they are (the default)").long("no-pull-dependencies"),
        Opt::flag('p', "change dependencies too").long("pull-dependencies"),
        REPOSITORY_VERBOSITY,
        REPOSITORY_DIR,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    let (name, word) = (call.shift()?, call.shift()?);
    let services = call.take_args();
    if services.is_empty() {
        return Err(Fatal::usage());
    }
    check_set_name(&name)?;
    let to = Prescription::from_word(&word).ok_or_else(|| {
        Fatal::user(format_args!(
            "{} is not a prescription: write mask, unmask, disable, enable or always",
            show(&word)
        ))
    })?;
    let force = options.last_of("Ee") == Some('e');
    if to == Prescription::Always && !force {
        return Err(Fatal::user(
            "a service is essential by its definition; --force-essential overrides that",
        ));
    }
    let repo = Repo::open(repository_dir(&options), Lock::Exclusive)?;
    let mut set = repo.set(&name)?;
    let reference = repo.reference()?;
    let selected = select(&reference, &services)?;
    let chosen = reference.services().iter().zip(selected).filter(|(_, s)| *s);
    let mut moved: Vec<Vec<u8>> = chosen.map(|(s, _)| s.name.clone()).collect();
    let more = companions(&reference, &set, &moved, to, true, true);
    let (pull, fail) = (options.last_of("Pp") == Some('p'), options.last_of("Ii") == Some('i'));
    if !more.is_empty() {
        let list: Vec<String> = more.iter().map(|m| shown(m)).collect();
        let text =
            format!("to fit together, these services must become {} too: {}", to.name(), list.join(" "));
        if fail {
            return Err(Fatal::new(1, text));
        }
        match (pull, verbosity) {
            (false, 1..) => call.warn(&text),
            (true, 2..) => call.info(&text),
            _ => {}
        }
    }
    if pull {
        moved.extend(more);
    }
    for service in &moved {
        match set.get(service) {
            None => {
                let text = format!("{} is not in the set {}", show(service), show(&name));
                return Err(Fatal::new(102, text));
            }
            Some(Prescription::Always) if to != Prescription::Always && !force => {
                let text =
                    format!("{} is essential; --force-essential changes it all the same", show(service));
                return Err(Fatal::new(1, text));
            }
            Some(_) => {}
        }
        set.set(service.clone(), to);
    }
    if options.last_of("n\u{1}") != Some('n') {
        repo.write_set(&name, &set)?;
    }
    Ok(Next::SUCCESS)
}
