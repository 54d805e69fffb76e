//! `reboot`: stops the container as for a reboot.

use crate::hpr;
use crate::request::How;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "reboot",
    summary: "stop the container as for a reboot",
    operands: "",
    options: hpr::OPTIONS,
    role: Role::Stay,
    main: |call| hpr::main(call, Some(How::Reboot)),
};
