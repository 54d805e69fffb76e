//! `s6-freeramdisk`: frees the memory of a RAM disk.

use rustix::fs::{Mode, OFlags};
use sys::fs::open;
use tool::{Call, Next, OrUnable, Outcome, Role, Tool};

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
    let device =
        open(name.as_slice(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).or_unable_to("open", &name)?;
    sys::device::flush_buffers(device).or_unable_to("free", &name)?;
    Ok(Next::SUCCESS)
}
