//! `telinit`: changes the runlevel.

use crate::telinit;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "telinit",
    summary: "change the runlevel; 0 powers off, 6 reboots",
    operands: telinit::OPERANDS,
    options: telinit::OPTIONS,
    role: Role::Stay,
    main: telinit::main,
};
