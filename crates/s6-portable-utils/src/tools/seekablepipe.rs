//! `seekablepipe`: copies standard input to a temporary file, and runs a program with the file as its standard input.

use rustix::fs::{Mode, OFlags};
use sys::fs::{open, unlink};
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "seekablepipe",
    summary: "run a program on a seekable copy of standard input",
    operands: "tmpfile prog...",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let name = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let made = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let writer =
        open(name.as_slice(), flags | made, Mode::from_raw_mode(0o600)).or_unable_to("make", &name)?;
    let reader = open(name.as_slice(), flags | OFlags::RDONLY, Mode::empty()).or_unable_to("make", &name)?;
    unlink(name.as_slice()).or_unable_to("remove", &name)?;
    files::copy_content(rustix::stdio::stdin(), &writer).or_unable(|| "copy standard input")?;
    sys::fd::place(reader, 0).or_unable(|| "move the file to standard input")?;
    let env = call.take_env();
    Next::run(call.take_args(), env)
}
