//! `tryexec`: executes a program, or another one if the first can't be executed.

use crate::blocks::Blocks;
use crate::program::{OPTIONS, program};
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "tryexec",
    summary: "execute a block, or the rest if the block can't be executed",
    operands: "{ prog1... } prog2...",
    options: &[Opt::flag('n', "try prog2 first"), OPTIONS[0], OPTIONS[1], OPTIONS[2]],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut first = Blocks::new(call).take_filled(&mut call.args)?;
    let mut second = call.take_args();
    if options.has('n') {
        if second.is_empty() {
            return Err(Fatal::user("empty remainder not allowed with -n"));
        }
        std::mem::swap(&mut first, &mut second);
    }
    let otherwise = Next::run_if_any(second, call.env.clone())?;
    Ok(Next::Try(program(&options, first, call.take_env())?, Box::new(otherwise)))
}
