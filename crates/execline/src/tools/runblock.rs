//! `runblock`: executes a block that the script was called with.

use crate::blocks::Blocks;
use crate::{frame, positional};
use tool::{Call, Env, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "runblock",
    summary: "execute a block among the positional parameters",
    operands: "n cmd...",
    options: &[
        Opt::flag('P', "don't pop the positional parameters"),
        Opt::value('n', "argshift", "blocks begin after this many parameters"),
        Opt::flag('r', "skip n blocks and execute what follows them"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let skip = options.number::<u32>('n')?.unwrap_or(0);
    let n = wire::number::decimal::<u32>(&call.shift()?).ok_or_else(Fatal::usage)?;
    if n == 0 && !options.has('r') {
        return Err(Fatal::usage());
    }
    let count = positional::count(&call.env)?;
    let mut parameters = positional::range(&call.env, skip.saturating_add(1), count)?;
    let mut blocks = Blocks::new(call);
    let mut chosen = Vec::new();
    for _ in 0..n {
        chosen = blocks.take_or(&mut parameters, || Fatal::user("too few arguments"))?;
    }
    if options.has('r') {
        if parameters.is_empty() {
            return Ok(Next::SUCCESS);
        }
        chosen = parameters;
    }
    let mut argv = call.take_args();
    argv.extend(chosen);
    let env: Env = call.take_env();
    Next::run_if_any(argv, if options.has('P') { env } else { frame::pop(&env, frame::is_positional) })
}
