//! `fix-attrs-main`: applies the rules on its standard input: `libexec/fix-attrs`, which `fix-attrs` does by itself.

use crate::legacy::fix_attrs::apply_input;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "fix-attrs-main",
    summary: "apply the rules on standard input, of the form of fix-attrs.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: |call| apply_input(call),
};
