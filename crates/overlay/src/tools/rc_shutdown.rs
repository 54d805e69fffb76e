//! `rc-shutdown`: brings all services down, where an image's own program does a part of the stop.
//!
//! Process 1 does the same in its stop child, and doesn't execute this.

use crate::layout::LIVE;
use crate::stop::stage3::Stage3;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "rc-shutdown",
    summary: "bring all services down",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: |call| Stage3 { env: call.take_env(), relay: None, failed: None }.bring_down(LIVE.as_bytes()),
};
