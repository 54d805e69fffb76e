//! `shutdown`: stops the container at a given time.

use crate::shutdown;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "shutdown",
    summary: "stop the container at a given time",
    operands: shutdown::OPERANDS,
    options: shutdown::OPTIONS,
    role: Role::Stay,
    main: shutdown::main,
};
