//! `fdmove`: moves or copies a descriptor.

use crate::descriptor::descriptor;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "fdmove",
    summary: "move or copy a descriptor",
    operands: "fdto fdfrom prog...",
    options: &[Opt::flag('c', "copy: fdfrom stays open")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 3 {
        return Err(Fatal::usage());
    }
    let (to, from) = (descriptor(&call.shift()?)?, descriptor(&call.shift()?)?);
    let done = if options.has('c') { sys::fd::copy(from, to) } else { sys::fd::rename(from, to) };
    done.or_unable(|| format!("move descriptor {from} to {to}"))?;
    Next::run(call.take_args(), call.take_env())
}
