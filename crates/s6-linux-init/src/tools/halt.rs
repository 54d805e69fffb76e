//! `halt`: stop the container; it exits with the code of its results.

use crate::hpr;
use crate::request::How;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "halt",
    summary: "stop the container; it exits with the code of its results",
    operands: "",
    options: hpr::OPTIONS,
    role: Role::Stay,
    main: |call| hpr::main(call, Some(How::Halt)),
};
