//! `s6-linux-utils`: runs a command of the suite by its name.

use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-linux-utils",
    summary: "run a command of s6-linux-utils",
    operands: "command args...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.run_named(super::TOOLS)
}
