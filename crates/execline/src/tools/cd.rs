//! `cd`: changes the working directory.

use crate::working_directory::change;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "cd",
    summary: "change the working directory",
    operands: "dir prog...",
    options: &[],
    role: Role::Chain,
    main,
};

/// The same command under its other name.
pub static EXECLINE_CD: Tool = Tool { name: "execline-cd", ..TOOL };

fn main(call: &mut Call) -> Outcome {
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let directory = call.shift()?;
    change(&directory)?;
    Next::run(call.take_args(), call.take_env())
}
