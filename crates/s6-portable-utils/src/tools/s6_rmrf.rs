//! `s6-rmrf`: removes files and directory trees; links are removed, not followed.

use rustix::fs::CWD;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-rmrf",
    summary: "remove files and directory trees",
    operands: "subtree...",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    for path in &call.args {
        files::remove_tree(CWD, path).or_unable_to("remove", path)?;
    }
    Ok(Next::SUCCESS)
}
