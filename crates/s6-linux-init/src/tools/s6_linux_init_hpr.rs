//! `s6-linux-init-hpr`: halts, powers off or reboots, as its options say.

use crate::hpr;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-hpr",
    summary: "halt, power off or reboot",
    operands: "",
    options: hpr::OPTIONS,
    role: Role::Stay,
    main: |call| hpr::main(call, None),
};
