//! `s6-clock`: prints the time of day as a TAI64N label, or sets it.

use rustix::time::{ClockId, Timespec};
use tool::{Call, Fatal, Next, OrUnable, Out, Outcome, Role, Tool};
use wire::tai::Tai64n;

pub static TOOL: Tool = Tool {
    name: "s6-clock",
    summary: "print or set the time of day",
    operands: "[ label ]",
    options: &[],
    role: Role::Stay,
    main,
};

/// The length of a label in bytes.
const LABEL: usize = 25;

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let Some(label) = call.args.first() else {
        let now = sys::clock::get(ClockId::Realtime);
        let now = Tai64n::from_unix(now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or_default());
        let mut out = Out::new();
        out.line(&now.label())?;
        return out.finish();
    };
    let when = Tai64n::from_label(label).filter(|_| label.len() == LABEL).ok_or_else(Fatal::usage)?;
    let time = Timespec { tv_sec: when.unix_seconds(), tv_nsec: when.nanos.into() };
    sys::clock::set(ClockId::Realtime, time).or_unable(|| "set the clock")?;
    Ok(Next::SUCCESS)
}
