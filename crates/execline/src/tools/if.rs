//! `if`: runs a block, and executes the rest only if it succeeds.

use crate::blocks::Blocks;
use crate::child;
use tool::{Call, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "if",
    summary: "run a block, and execute the rest only if it succeeds",
    operands: "{ prog1... } prog2...",
    options: &[
        Opt::flag('X', "treat a crash of prog1 as a failure"),
        Opt::flag('n', "negate: continue only if prog1 fails"),
        Opt::flag('t', "exit 0 instead of prog1's code"),
        Opt::value('x', "exitcode", "exit with this code instead of prog1's"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let fixed = match options.last_of("tx") {
        Some('x') => options.number::<u8>('x')?,
        Some(_) => Some(0),
        None => options.has('n').then_some(1),
    };
    let block = Blocks::new(call).take(&mut call.args, "")?;
    let ended = child::run(call, block, call.env.clone())?;
    if child::succeeded(ended, options.has('X'))? == options.has('n') {
        return Ok(Next::Exit(fixed.unwrap_or(child::approximate(ended))));
    }
    Next::run_if_any(call.take_args(), call.take_env())
}
