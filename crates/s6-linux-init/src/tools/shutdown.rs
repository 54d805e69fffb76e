//! `shutdown`: stops the container at a given time.

use super::s6_linux_init_shutdown as suite;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "shutdown",
    summary: "stop the container at a given time",
    operands: suite::OPERANDS,
    options: suite::OPTIONS,
    role: Role::Stay,
    main: suite::main,
};
