//! `s6-supervise`: supervises one service directory.

use tool::{Call, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-supervise",
    summary: "supervise one service directory",
    operands: "servicedir",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let name = call.shift()?;
    rustix::process::chdir(&name).or_unable_to("chdir to", &name)?;
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    supervisor::solo::supervise(&name, call.env.vars())?;
    Ok(Next::SUCCESS)
}
