//! `s6-svdt-clear`: empties the death tally of a service, and makes its supervisor forget the failures that its restart policy
//! counts.

use rustix::fs::{Mode, OFlags};
use supervision::control::{SUPERVISE, join, send};
use tool::{Call, Next, OrUnable, Outcome, Role, Tool};
use wire::control::Command;

pub static TOOL: Tool = Tool {
    name: "s6-svdt-clear",
    summary: "empty a service's death tally",
    operands: "servicedir",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let dir = call.shift()?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    sys::fs::open(join(&dir, &[SUPERVISE, b"death_tally"]), flags, Mode::from_raw_mode(0o666))
        .or_unable_to("clear death tally for service", &dir)?;
    // Without a supervisor nothing is counted.
    let _ = send(&dir, &[Command::Forget]);
    Ok(Next::SUCCESS)
}
