//! `unexport`: removes a variable.

use crate::variable::check_no_equals;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "unexport",
    summary: "remove an environment variable",
    operands: "var prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let name = call.shift()?;
    check_no_equals(&name)?;
    call.env.unset(&name);
    Next::run(call.take_args(), call.take_env())
}
