//! `export`: sets a variable.

use tool::{Call, Fatal, Next, Outcome, Role, Tool, diag};

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

/// Refuses a name with `=`.
pub(super) fn check_no_equals(name: &[u8]) -> Result<(), Fatal> {
    if name.contains(&b'=') {
        return Err(Fatal::user(format!("invalid variable name: {}", diag::show(name))));
    }
    Ok(())
}
