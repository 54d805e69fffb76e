//! `ifte`: executes one of two blocks, depending on the success of the rest of the command line.

use crate::blocks::{Blocks, hint_at_block};
use crate::child;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "ifte",
    summary: "run a program, and execute one of two blocks depending on its success",
    operands: "{ progthen... } { progelse... } progif...",
    options: &[
        Opt::flag('X', "treat a crash of progif as a failure"),
        Opt::flag('n', "negate: execute progthen if progif fails"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut blocks = Blocks::new(call);
    let then = blocks.take(&mut call.args, "then")?;
    if call.args.is_empty() {
        return Err(Fatal::user("else block required"));
    }
    let otherwise = blocks.take(&mut call.args, "else")?;
    let test = call.take_args();
    let Some(name) = test.first().cloned() else {
        return Err(Fatal::user("empty command-if"));
    };
    let ended = child::run(call, test, call.env.clone()).map_err(|e| hint_at_block(e, &name))?;
    let takes_then = child::succeeded(ended, options.has('X'))? != options.has('n');
    Next::run_if_any(if takes_then { then } else { otherwise }, call.take_env())
}
