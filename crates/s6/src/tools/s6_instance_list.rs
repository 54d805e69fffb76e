//! `s6-instance-list`: prints the names of an instanced service's instances.

use crate::instance::live_scandir;
use rustix::fs::CWD;
use tool::{Call, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-instance-list",
    summary: "print the instances of an instanced service",
    operands: "servicedir",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let scandir = live_scandir(&call.shift()?)?;
    let mut out = Out::new();
    for name in files::names_at(CWD, &scandir).or_unable_to("read directory", &scandir)? {
        if !name.starts_with(b".") {
            out.line(&name)?;
        }
    }
    out.finish()
}
