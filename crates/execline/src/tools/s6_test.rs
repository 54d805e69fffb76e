//! `s6-test`: the name of eltest before version 3 of the overlay; finish scripts from that time call it.

use crate::evaluation;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-test",
    summary: "evaluate an expression; an older name of eltest",
    operands: "expression...",
    options: &[],
    role: Role::Chain,
    main: evaluation::main,
};
