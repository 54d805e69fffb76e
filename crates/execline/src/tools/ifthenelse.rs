//! `ifthenelse`: runs one of two blocks, as a third one succeeds or fails, then goes on.

use crate::blocks::Blocks;
use crate::child;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "ifthenelse",
    summary: "run a block, then one of two others as it succeeds or fails, then go on",
    operands: "{ progif... } { progthen... } { progelse... } prog...",
    options: &[
        Opt::flag('X', "a crash of progif is a failure like others"),
        Opt::flag(
            's',
            "go on to the chosen block with prog appended, instead of running the one after the other",
        ),
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
    let otherwise = blocks.take(&mut call.args, "else")?;
    let ended = child::run(call, test, call.env.clone())?;
    let mut chosen = if child::succeeded(ended, options.has('X'))? { then } else { otherwise };
    let rest = call.take_args();
    if options.has('s') {
        chosen.extend(rest);
        return Next::run_if_any(chosen, call.take_env());
    }
    let env = call.take_env();
    Next::run_if_any(rest, child::run_in_sequence(call, chosen, env)?)
}
