//! `s6-linux-init-telinit`, in a container also `telinit`: a change of the runlevel.
//!
//! A container has no runlevels: only 0 and 6, which power off and reboot, mean something here.

use crate::request::{How, Request, send};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-telinit",
    summary: "change the runlevel; 0 powers off, 6 reboots",
    operands: OPERANDS,
    options: OPTIONS,
    role: Role::Stay,
    main,
};

pub(super) const OPERANDS: &str = "runlevel";

/// The options of s6-linux-init, accepted without effect as its page says.
pub(super) const OPTIONS: &[Opt] = &[
    Opt::value('c', "basedir", "no effect, for compatibility"),
    Opt::value('p', "path", "no effect, for compatibility"),
    Opt::value('s', "envdumpdir", "no effect, for compatibility"),
    Opt::value('m', "umask", "no effect, for compatibility"),
    Opt::value('d', "devtmpfs", "no effect, for compatibility"),
    Opt::value('D', "default", "no effect, for compatibility"),
    Opt::flag('n', "no effect, for compatibility"),
    Opt::flag('N', "no effect, for compatibility"),
    Opt::flag('C', "no effect, for compatibility"),
    Opt::flag('B', "no effect, for compatibility"),
];

pub(super) fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let how = match call.shift()?.as_slice() {
        b"0" => How::PowerOff,
        b"6" => How::Reboot,
        _ => return Err(Fatal::new(111, "a container has no runlevels")),
    };
    send(Request::stop(how)).or_unable(|| "tell the container's first process to stop")?;
    Ok(Next::SUCCESS)
}
