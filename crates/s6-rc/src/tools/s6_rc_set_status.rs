//! `s6-rc-set-status`: prints the services of a set and their prescriptions.
//!
//! Exit codes: 0 done, 3 no such set or service, 100 wrong usage, 102 a damaged set, 111 a system call failed.

use crate::common_options::{REPOSITORY_DIR, REPOSITORY_VERBOSITY, repository_dir, verbosity};
use crate::live::{Lock, select};
use crate::repo::Repo;
use crate::service_set::Prescription;
use tool::{Call, Fatal, Opt, Out, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-status",
    summary: "print a set of services",
    operands: "set [ services... ]",
    options: &[
        Opt::flag('E', "print essential services (the default)").long("with-essentials"),
        Opt::flag('e', "leave essential services out").long("without-essentials"),
        Opt::flag('L', "print names only").long("list"),
        REPOSITORY_VERBOSITY,
        REPOSITORY_DIR,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    verbosity(&options)?;
    let name = call.shift()?;
    let services = call.take_args();
    let repo = Repo::open(repository_dir(&options), Lock::Shared)?;
    let set = repo.set(&name)?;
    let reference = repo.reference()?;
    let selected = select(&reference, &services)?;
    let hide = options.last_of("Ee") == Some('e');
    let mut out = Out::new();
    for (service, prescription) in set.iter() {
        let chosen = services.is_empty()
            || reference.services().iter().zip(&selected).any(|(s, chosen)| *chosen && s.name == *service);
        if !chosen || (hide && *prescription == Prescription::Always) {
            continue;
        }
        out.put(service)?;
        if !options.has('L') {
            out.put(b"/")?;
            out.put(prescription.name().as_bytes())?;
        }
        out.put(b"\n")?;
    }
    let unknown =
        reference.services().iter().zip(&selected).find(|(s, chosen)| **chosen && !set.contains(&s.name));
    match unknown {
        Some((service, _)) => Err(Fatal::new(3, format_args!("{} is not in the set", show(&service.name)))),
        None => out.finish(),
    }
}
