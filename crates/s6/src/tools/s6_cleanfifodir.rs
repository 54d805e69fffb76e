//! `s6-cleanfifodir`: removes the FIFOs from a fifodir that former listeners have left.

use tool::{Call, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-cleanfifodir",
    summary: "remove the FIFOs of dead listeners from a fifodir",
    operands: "fifodir",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let path = call.shift()?;
    supervision::fifodir::clean(&path).or_unable_to("clean up fifodir at", &path)?;
    Ok(Next::SUCCESS)
}
