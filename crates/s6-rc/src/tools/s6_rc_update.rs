//! `s6-rc-update`: switches the live state to another compiled database.
//!
//! Exit codes: 0 done; 1 some services could not be started, 2 out of time, both after the switch; 9 and 10 the same
//! before it; 3 to 6 a wrong conversion file; 4 an invalid database; 100 wrong usage; 111 a system call failed.

use crate::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use crate::live::LIVE;
use crate::reporter::Reporter;
use crate::update::{Options, update};
use rustix::fd::AsFd;
use std::time::Duration;
use sys::signal::{self, Set, SignalFd};
use tool::clock;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-update",
    summary: "switch to another service database",
    operands: "newdb",
    options: &[
        Opt::flag('n', "only print what would be stopped and started").long("dry-run"),
        Opt::flag('b', "wait for other commands instead of failing").long("block"),
        Opt::flag('E', "essential services are not stopped (the default)").long("no-force-essentials"),
        Opt::flag('e', "essential services are stopped like others").long("force-essentials"),
        Opt::value('v', "verbosity", "0: silent; 1: failures; 2: transitions; 3: more").long("verbosity"),
        Opt::value('t', "ms", "give up after this time").long("timeout"),
        Opt::value('l', "live", "the live directory").long("livedir"),
        Opt::value('f', "file", "what old services are called now, and which to restart")
            .long("conversion-file"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = options.number('v')?.unwrap_or(1);
    let timeout = options.number::<u32>('t')?.filter(|ms| *ms != 0);
    let compiled = call.shift()?;
    let live = options.get('l').unwrap_or(LIVE).to_vec();
    for path in [&live, &compiled] {
        if !path.starts_with(b"/") {
            return Err(Fatal::user(format!("{} is not an absolute path", show(path))));
        }
    }
    let signals = SignalFd::new(&Set::of(&[signal::TERM, signal::INT])).or_unable(|| "trap signals")?;
    let how = ChangeOptions {
        reporter: Reporter { name: TOOL.name, verbosity },
        force: options.last_of("Ee") == Some('e'),
        deadline: timeout.map(|ms| clock::now() + Duration::from_millis(ms.into())),
        dry_run: options.has('n').then_some(0),
        oneshots: Oneshots { starter: Starter::Host, env: &call.env, path: call.path.as_deref() },
        interrupt: Some(signals.as_fd()),
        on_interrupt: OnInterrupt::FinishOneshots,
        remind: None,
    };
    let conversions = options.get('f').map(<[u8]>::to_vec);
    let what = Options { live, compiled, conversions, block: options.has('b') };
    Ok(Next::Exit(update(&what, &how)?))
}
