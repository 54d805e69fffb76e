//! `cont-init`: runs the scripts of cont-init.d; the oneshot legacy-cont-init runs it when it goes up.

use crate::legacy::cont_init::run_scripts;
use crate::texts;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "cont-init",
    summary: "run the scripts of cont-init.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: |call| {
        texts::follow(TOOL.name);
        run_scripts(call)
    },
};
