//! `eltest`: evaluates an expression; the exit code is its value.

use crate::evaluation;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "eltest",
    summary: "evaluate an expression",
    operands: "expression...",
    options: &[],
    role: Role::Chain,
    main: evaluation::main,
};
