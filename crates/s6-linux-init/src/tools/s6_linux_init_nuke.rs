//! `s6-linux-init-nuke`: kills every process but the first one.

use sys::signal::KILL;
use tool::{Call, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-nuke",
    summary: "kill all processes but the first",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(_: &mut Call) -> Outcome {
    match sys::process::kill_all(KILL) {
        Ok(()) | Err(sys::Errno::SRCH) => Ok(Next::SUCCESS),
        failed => failed.or_unable(|| "kill all processes").map(|()| Next::SUCCESS),
    }
}
