//! `cmdsig`: passes a signal on to the CMD, where an image's own program boots the container.
//!
//! The signal is the end of the name that the file was called by, such as `.s6-svscan/SIGTERM`.  Without a CMD the file that
//! it took the place of, `SIGTERM.s6-linux-init`, is executed.  Process 1 passes signals on itself.

use crate::layout::COMMAND_PID;
use rustix::fs::CWD;
use sys::signal;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "cmdsig",
    summary: "pass a signal on to the CMD",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let name = call.argv0.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let signal = signal::parse(name).ok_or_else(|| Fatal::user("the file's name isn't a signal's"))?;
    let pid = files::read_file(CWD, COMMAND_PID.as_bytes(), 32).ok();
    let pid = pid
        .and_then(|text| number::decimal::<i32>(text.trim_ascii()))
        .and_then(rustix::process::Pid::from_raw);
    let Some(pid) = pid else {
        return Next::run(vec![[call.argv0.as_slice(), b".s6-linux-init"].concat()], call.take_env());
    };
    sys::process::kill(pid, signal).or_unable(|| "pass the signal on to the CMD")?;
    Ok(Next::SUCCESS)
}
