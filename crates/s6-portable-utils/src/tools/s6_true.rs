//! `s6-true`: does nothing, successfully.

use tool::{Call, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-true",
    summary: "do nothing and succeed",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(_: &mut Call) -> Outcome {
    Ok(Next::SUCCESS)
}
