//! `s6-rc-update`: switches the live state to another compiled database.
//!
//! Exit codes: 0 done; 1 some services could not be started, 2 out of time, both after the switch; 9 and 10 the same
//! before it; 3 to 6 a wrong conversion file; 4 an invalid database; 100 wrong usage; 111 a system call failed.

use crate::change_options::ChangeOptions;
use crate::common_options::{
    BLOCK, CHANGE_VERBOSITY, CONVERSION_FILE, LIVE_DIR, TIMEOUT, check_absolute, deadline, live_dir,
    verbosity,
};
use crate::interrupts::Interrupts;
use crate::update::{UpdateOptions, update};
use tool::{Call, Next, Opt, Outcome, Role, Tool};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-update",
    summary: "switch to another service database",
    operands: "newdb",
    options: &[
        Opt::flag('n', "only print what would be stopped and started").long("dry-run"),
        BLOCK,
        Opt::flag('E', "essential services are not stopped (the default)").long("no-force-essentials"),
        Opt::flag('e', "essential services are stopped like others").long("force-essentials"),
        CHANGE_VERBOSITY,
        TIMEOUT,
        LIVE_DIR,
        CONVERSION_FILE,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    let deadline = deadline(&options)?;
    let compiled = call.shift()?;
    let live = live_dir(&options).to_vec();
    check_absolute(&live)?;
    check_absolute(&compiled)?;
    let interrupts = Interrupts::trap()?;
    let how = ChangeOptions {
        force: options.last_of("Ee") == Some('e'),
        deadline,
        dry_run: options.has('n').then_some(0),
        ..interrupts.change_options(call, verbosity)
    };
    let conversions = options.get('f').map(<[u8]>::to_vec);
    let what = UpdateOptions { live, compiled, conversions, block: options.has('b') };
    Ok(Next::Exit(update(&what, &how)?))
}
