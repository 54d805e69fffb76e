//! `s6-rc-format-upgrade`: gives a live directory a database of the same services that another version compiled.
//!
//! Exit codes: 0 done, 1 out of time, 4 an invalid database or one of other services, 100 wrong usage, 111 a system call
//! failed.

use crate::common_options::{BLOCK, LIVE_DIR, check_absolute, live_dir, timeout, verbosity};
use crate::live::{Live, Lock};
use crate::update::upgrade_format;
use tool::{Call, Next, Opt, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-format-upgrade",
    summary: "give a live directory the same database in another format",
    operands: "newdb",
    options: &[
        BLOCK,
        Opt::value('v', "verbosity", "0: errors only; 2: what is done").long("verbosity"),
        LIVE_DIR,
        Opt::value('t', "ms", "give up after this time; nothing here takes time").long("timeout"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    timeout(&options)?;
    let compiled = call.shift()?;
    check_absolute(&compiled)?;
    let live = Live::open(live_dir(&options), Lock::Exclusive, options.has('b'))?;
    upgrade_format(&live, &compiled)?;
    if verbosity >= 2 {
        call.info(format_args!("{} now uses {}", show(live.path()), show(&compiled)));
    }
    Ok(Next::SUCCESS)
}
