//! `execline`: runs a command of this suite by its name.

use tool::{Call, Fatal, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "execline",
    summary: "run an execline command by its name",
    operands: "command args...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let name = call.args.first().ok_or_else(Fatal::usage)?;
    let tool = super::TOOLS.iter().find(|t| t.name.as_bytes() == name.as_slice());
    let Some(tool) = tool else {
        return Err(Fatal::user(format_args!("{}: no such command", diag::show(name))));
    };
    call.tool = tool;
    call.argv0 = call.shift()?;
    (tool.main)(call)
}
