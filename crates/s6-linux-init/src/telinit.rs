//! A change of the runlevel: s6-linux-init-telinit, in a container also telinit.
//!
//! 0 powers off and 6 reboots.  Other runlevels are passed to the service s6-linux-init-runleveld; a container has no
//! runlevels.

use crate::image::{RUNLEVELD, SCANDIR};
use crate::request::{How, Request, send};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Program};

pub(crate) const OPERANDS: &str = "runlevel";

/// s6-linux-init executes this tool with its own options, which have no effect here.
pub(crate) const OPTIONS: &[Opt] = crate::init_options::OPTIONS;

pub(crate) fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let how = match call.shift()?.as_slice() {
        b"0" => How::PowerOff,
        b"6" => How::Reboot,
        runlevel => {
            let service = format!("{SCANDIR}/{RUNLEVELD}");
            if sys::fs::stat(&service).is_err() {
                return Err(Fatal::new(111, "a container has no runlevels"));
            }
            let socket = format!("{service}/s");
            let words: [&[u8]; 5] = [b"s6-sudo", b"-e", b"--", socket.as_bytes(), runlevel];
            let argv = words.iter().map(|word| word.to_vec()).collect();
            return Ok(Next::Run(Program::new(tool::tool_file("s6-sudo"), argv, call.take_env())));
        }
    };
    send(Request::stop(how)).or_unable(|| "send a shutdown request to process 1")?;
    Ok(Next::SUCCESS)
}
