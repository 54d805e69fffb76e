//! `fdclose`: closes a descriptor.

use crate::descriptor::descriptor;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "fdclose",
    summary: "close a descriptor",
    operands: "fd prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    sys::fd::close(descriptor(&call.shift()?)?);
    Next::run(call.take_args(), call.take_env())
}
