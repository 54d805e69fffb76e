//! `fix-attrs`: applies the files of fix-attrs.d; the oneshot fix-attrs runs it.

use crate::legacy::fix_attrs::apply_files;
use crate::texts;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "fix-attrs",
    summary: "apply the files of fix-attrs.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: |call| {
        texts::follow(TOOL.name);
        apply_files(call)
    },
};
