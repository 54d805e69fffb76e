//! `s6-svok`: checks whether a service directory is supervised.

use tool::{Call, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-svok",
    summary: "check whether a service directory is supervised",
    operands: "servicedir",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let dir = call.shift()?;
    let supervised = supervision::control::is_supervised(&dir).or_unable_to("check", &dir)?;
    Ok(Next::Exit(u8::from(!supervised)))
}
