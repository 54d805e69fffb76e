//! `forstdin`: runs a program once for each line of standard input.

use crate::input::Items;
use crate::items_loop::{LoopEnd, OPTIONS, run_for_each, splitting};
use crate::pool::Pool;
use crate::variable::check_name;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "forstdin",
    summary: "run a program once for each line of standard input",
    operands: "var loop...",
    options: &OPTIONS,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let variable = call.shift()?;
    check_name(&variable)?;
    let body = call.take_args();
    let mut pool = Pool::new(&options, variable, body, Vec::new())?;
    let mut items = Items::new(rustix::stdio::stdin(), splitting(&options));
    match run_for_each(call, &mut pool, &mut items)? {
        LoopEnd::Broken(code) => Ok(Next::Exit(code)),
        LoopEnd::All(0) => Ok(Next::Exit(1)),
        LoopEnd::All(_) => Ok(Next::SUCCESS),
    }
}
