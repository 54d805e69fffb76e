//! `fdswap`: swaps two descriptors.

use crate::descriptor::descriptor;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "fdswap",
    summary: "swap two descriptors",
    operands: "fd1 fd2 prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    if call.args.len() < 3 {
        return Err(Fatal::usage());
    }
    let (one, two) = (descriptor(&call.shift()?)?, descriptor(&call.shift()?)?);
    sys::fd::copy_all(&[(one, two), (two, one)]).or_unable(|| format!("swap descriptors {one} and {two}"))?;
    Next::run(call.take_args(), call.take_env())
}
