//! `stage0`: `/init` after s6-overlay-suexec has done what needs root's rights.

use super::init;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "stage0",
    summary: "boot the container, after s6-overlay-suexec",
    operands: "cmd...",
    options: &[],
    role: Role::Stay,
    main: |call| init::main(call, false),
};
