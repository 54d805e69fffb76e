//! `printcontenv`: prints a variable of the container's environment.

use crate::environment::contenv;
use tool::{Call, Fatal, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "printcontenv",
    summary: "print a variable of the container's environment",
    operands: "variable",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let Some(name) = call.args.first() else {
        return Err(Fatal::user("too few arguments"));
    };
    let value = contenv::lookup(&call.env, name).ok_or_else(|| Fatal::silent(1))?;
    if value.is_empty() && contenv::is_kept(&call.env) {
        return Err(Fatal::silent(1));
    }
    let mut out = Out::new();
    out.line(&value)?;
    out.finish()
}
