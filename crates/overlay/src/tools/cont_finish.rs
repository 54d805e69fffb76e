//! `cont-finish`: runs the scripts of cont-finish.d; the oneshot legacy-cont-init runs it when it goes down.

use crate::legacy::cont_finish::run_scripts;
use crate::texts;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "cont-finish",
    summary: "run the scripts of cont-finish.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: |call| {
        texts::follow(TOOL.name);
        run_scripts(call)
    },
};
