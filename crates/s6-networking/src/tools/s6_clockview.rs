//! `s6-clockview`: shows the system's time, and the time corrected by the difference that a time client measured.

use crate::clock;
use rustix::io::Errno;
use tool::clock::wall;
use tool::{Call, Fatal, OrUnable, Out, Outcome, Role, Tool};
use wire::tai::Tai64n;

pub static TOOL: Tool = Tool {
    name: "s6-clockview",
    summary: "show the system's time and the time of a time server",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let difference = clock::read()?;
    let now = wall();
    let after = clock::later(now, difference).ok_or_else(|| {
        Fatal::new(111, format_args!("a difference of {} is too large", clock::show(difference)))
    })?;
    let mut out = Out::new();
    out.line(format!("before: {}", local(now)?).as_bytes())?;
    out.line(format!("after:  {}", local(after)?).as_bytes())?;
    out.finish()
}

fn local(t: Tai64n) -> Result<String, Fatal> {
    let d = tool::local_time::local(t.unix_seconds())
        .ok_or(Errno::OVERFLOW)
        .or_unable(|| "tell the local time")?;
    let (date, time) = ((d.year, d.month, d.day), (d.hour, d.minute, d.second));
    let date = format!("{}-{:02}-{:02}", date.0, date.1, date.2);
    Ok(format!("{date} {:02}:{:02}:{:02}.{:09}", time.0, time.1, time.2, t.nanos))
}
