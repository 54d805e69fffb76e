//! `s6-rc-format-upgrade`: gives a live directory a database of the same services that another version compiled.
//!
//! Exit codes: 0 done, 1 out of time, 4 an invalid database or one of other services, 100 wrong usage, 111 a system call
//! failed.

use crate::live::{LIVE, Live, Lock};
use crate::update::upgrade_format;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-format-upgrade",
    summary: "give a live directory the same database in another format",
    operands: "newdb",
    options: &[
        Opt::flag('b', "wait for other commands instead of failing").long("block"),
        Opt::value('v', "verbosity", "0: errors only; 2: what is done").long("verbosity"),
        Opt::value('l', "live", "the live directory").long("livedir"),
        Opt::value('t', "ms", "give up after this time; nothing here takes time").long("timeout"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = options.number::<u32>('v')?.unwrap_or(1);
    options.number::<u32>('t')?;
    let compiled = call.shift()?;
    if !compiled.starts_with(b"/") {
        return Err(Fatal::user(format!("{} is not an absolute path", show(&compiled))));
    }
    let live = Live::open(options.get('l').unwrap_or(LIVE), Lock::Exclusive, options.has('b'))?;
    upgrade_format(&live, &compiled)?;
    if verbosity >= 2 {
        call.info(&format!("{} now uses {}", show(live.path()), show(&compiled)));
    }
    Ok(Next::SUCCESS)
}
