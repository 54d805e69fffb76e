//! `s6-sync`: writes all cached file data to disk.

use tool::{Call, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-sync",
    summary: "write cached file data to disk",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    rustix::fs::sync();
    Ok(Next::SUCCESS)
}
