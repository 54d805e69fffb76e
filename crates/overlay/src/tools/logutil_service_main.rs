//! `logutil-service-main`: the last part of `logutil-service`, which does it by itself.

use crate::service_logger::become_logger;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "logutil-service-main",
    summary: "log standard input into a self-rotating directory, as nobody",
    operands: "directory",
    options: &[],
    role: Role::Stay,
    main: |call| {
        call.options()?;
        let dir = call.shift()?;
        become_logger(call, dir)
    },
};
