//! `poweroff`: powers the container off.

use crate::hpr;
use crate::request::How;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "poweroff",
    summary: "power the container off",
    operands: "",
    options: hpr::OPTIONS,
    role: Role::Stay,
    main: |call| hpr::main(call, Some(How::PowerOff)),
};
