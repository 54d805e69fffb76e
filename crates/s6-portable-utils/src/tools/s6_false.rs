//! `s6-false`: does nothing, unsuccessfully.

use tool::{Call, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-false",
    summary: "do nothing and fail",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(_: &mut Call) -> Outcome {
    Ok(Next::Exit(1))
}
