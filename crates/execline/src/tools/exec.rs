//! `exec`: executes a program, optionally with another `argv[0]` or an empty environment.

use crate::program::{OPTIONS, program};
use tool::{Call, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "exec",
    summary: "execute a program, with another argv[0] or environment",
    operands: "prog...",
    options: &OPTIONS,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    Ok(Next::Run(program(&options, call.take_args(), call.take_env())?))
}
