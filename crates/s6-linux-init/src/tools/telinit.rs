//! `telinit`: changes the runlevel.

use super::s6_linux_init_telinit as suite;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "telinit",
    summary: "change the runlevel; 0 powers off, 6 reboots",
    operands: suite::OPERANDS,
    options: suite::OPTIONS,
    role: Role::Stay,
    main: suite::main,
};
