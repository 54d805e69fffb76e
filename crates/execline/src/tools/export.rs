//! `export`: sets a variable.

use crate::variable::check_no_equals;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "export",
    summary: "set an environment variable",
    operands: "var value prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    if call.args.len() < 3 {
        return Err(Fatal::usage());
    }
    let (name, value) = (call.shift()?, call.shift()?);
    check_no_equals(&name)?;
    call.env.set(&name, &value);
    Next::run(call.take_args(), call.take_env())
}
