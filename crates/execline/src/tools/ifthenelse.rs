//! `ifthenelse`: runs one of two blocks, depending on the success of a third one, then executes the rest.

use crate::blocks::Blocks;
use crate::child;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "ifthenelse",
    summary: "run a block, then one of two others depending on its success, then execute the rest",
    operands: "{ progif... } { progthen... } { progelse... } prog...",
    options: &[
        Opt::flag('X', "treat a crash of progif as a failure"),
        Opt::flag('s', "execute the chosen block with prog appended, instead of running it before prog"),
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
