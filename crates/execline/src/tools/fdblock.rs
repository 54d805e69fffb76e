//! `fdblock`: sets a descriptor's blocking mode.

use crate::descriptor::descriptor;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "fdblock",
    summary: "make a descriptor blocking or non-blocking",
    operands: "fd prog...",
    options: &[Opt::flag('n', "make it non-blocking")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let fd = descriptor(&call.shift()?)?;
    sys::fd::set_blocking(fd, !options.has('n'))
        .or_unable(|| format!("change the blocking mode of descriptor {fd}"))?;
    Next::run(call.take_args(), call.take_env())
}
