//! `ifelse`: executes a block if another one succeeds, else the rest.

use crate::blocks::Blocks;
use crate::child;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "ifelse",
    summary: "run a block, and execute one of two programs depending on its success",
    operands: "{ prog1... } { prog2... } prog3...",
    options: &[
        Opt::flag('X', "treat a crash of prog1 as a failure"),
        Opt::flag('n', "negate: execute prog2 if prog1 fails"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut blocks = Blocks::new(call);
    let test = blocks.take(&mut call.args, "if")?;
    if call.args.is_empty() {
        return Err(Fatal::user("then block required"));
    }
    let then = blocks.take(&mut call.args, "then")?;
    let ended = child::run(call, test, call.env.clone())?;
    let takes_then = child::succeeded(ended, options.has('X'))? != options.has('n');
    let argv = if takes_then { then } else { call.take_args() };
    Next::run_if_any(argv, call.take_env())
}
