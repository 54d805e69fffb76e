//! `cont-init`: runs the scripts of cont-init.d; the oneshot legacy-cont-init runs it when it goes up.

use crate::legacy::cont_init::run_scripts;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "cont-init",
    summary: "run the scripts of cont-init.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: |call| run_scripts(call),
};
