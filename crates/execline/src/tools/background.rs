//! `background`: starts a block and continues at once.

use crate::blocks::Blocks;
use crate::detach;
use tool::{Call, Next, Opt, Outcome, Role, Setup, Tool, unable_to_spawn};

pub static TOOL: Tool = Tool {
    name: "background",
    summary: "run a block in the background, its process id in the variable !, and continue at once",
    operands: "{ prog1... } prog2...",
    options: &[Opt::flag('d', "detach: prog1 is not a child of prog2")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let block = Blocks::new(call).take_filled(&mut call.args)?;
    let name = block.first().cloned().unwrap_or_default();
    let detached = options.has('d') && !call.args.is_empty();
    let pid = detach::start(call, block, call.env.clone(), &Setup::default(), detached)
        .map_err(|e| unable_to_spawn(&name, e))?;
    call.env.set(b"!", pid.as_raw_nonzero().to_string().as_bytes());
    Next::run_if_any(call.take_args(), call.take_env())
}
