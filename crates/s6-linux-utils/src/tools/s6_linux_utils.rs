//! `s6-linux-utils`: runs a command of the suite by its name.

use tool::{Call, Fatal, Next, Outcome, Program, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-linux-utils",
    summary: "run a command of s6-linux-utils",
    operands: "command args...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let name = call.args.first().cloned().ok_or_else(Fatal::usage)?;
    let tool = super::TOOLS
        .iter()
        .find(|t| t.name.as_bytes() == name && t.name != TOOL.name)
        .ok_or_else(|| Fatal::user(format!("no command is named {}", diag::show(&name))))?;
    let env = call.take_env();
    Ok(Next::Run(Program { file: tool::own_file(tool.name), argv: call.take_args(), env }))
}
