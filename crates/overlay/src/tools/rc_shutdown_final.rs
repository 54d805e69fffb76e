//! `rc-shutdown-final`: nothing.  A machine would run it after its file systems are unmounted; a container never does.

use tool::{Next, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "rc-shutdown-final",
    summary: "do nothing at the very end of a stop",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: |_| Ok(Next::SUCCESS),
};
