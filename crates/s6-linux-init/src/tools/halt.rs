//! `halt`: stops the container, which exits with its exit code.

use crate::hpr;
use crate::request::How;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "halt",
    summary: "stop the container, which exits with its exit code",
    operands: "",
    options: hpr::OPTIONS,
    role: Role::Stay,
    main: |call| hpr::main(call, Some(How::Halt)),
};
