//! `piperw`: makes a pipe.

use crate::descriptor::descriptor;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::IntoRawFd;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "piperw",
    summary: "make a pipe",
    operands: "fdr fdw prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    if call.args.len() < 3 {
        return Err(Fatal::usage());
    }
    let (r, w) = (descriptor(&call.shift()?)?, descriptor(&call.shift()?)?);
    if r == w {
        return Err(Fatal::usage());
    }
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "create a pipe")?;
    let (from_r, from_w) = (reader.into_raw_fd(), writer.into_raw_fd());
    sys::fd::copy_all(&[(from_r, r), (from_w, w)]).or_unable(|| "move the pipe")?;
    for own in [from_r, from_w] {
        if own != r && own != w {
            sys::fd::close(own);
        }
    }
    Next::run(call.take_args(), call.take_env())
}
