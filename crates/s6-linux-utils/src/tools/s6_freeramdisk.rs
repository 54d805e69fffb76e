//! `s6-freeramdisk`: frees the memory of a RAM disk.

use rustix::fs::{Mode, OFlags, open};
use tool::{Call, Next, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-freeramdisk",
    summary: "free the memory of a RAM disk",
    operands: "device",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let name = call.shift()?;
    let device = open(name.as_slice(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .or_unable(|| format!("open {}", diag::show(&name)))?;
    sys::device::flush_buffers(device).or_unable(|| format!("free {}", diag::show(&name)))?;
    Ok(Next::SUCCESS)
}
