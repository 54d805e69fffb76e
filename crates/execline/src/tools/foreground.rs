//! `foreground`: runs a block to its end, then executes the rest.

use crate::blocks::Blocks;
use crate::child;
use tool::{Call, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "foreground",
    summary: "run a block to its end, then execute the rest, the block's status in the variable ?",
    operands: "{ prog1... } prog2...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let block = Blocks::new(call).take(&mut call.args, "")?;
    let env = call.take_env();
    let env = child::run_in_sequence(call, block, env)?;
    Next::run_if_any(call.take_args(), env)
}
