//! `s6-ftrig-notify`: sends letters to all listeners of a fifodir.

use sys::signal;
use tool::{Call, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ftrig-notify",
    summary: "send letters to the listeners of a fifodir",
    operands: "fifodir message",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let path = call.shift()?;
    let letters = call.shift()?;
    // A listener may close its FIFO at any moment.
    signal::set_ignored(signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
    supervision::fifodir::notify(&path, &letters).or_unable_to("notify", &path)?;
    Ok(Next::SUCCESS)
}
