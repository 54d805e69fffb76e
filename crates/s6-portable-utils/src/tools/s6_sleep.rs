//! `s6-sleep`: waits for a time, regardless of signals, then executes a program if one is given.

use rustix::io::Errno;
use rustix::thread::ClockId;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-sleep",
    summary: "wait for a time, then run a program",
    operands: "time [ prog... ]",
    options: &[Opt::flag('m', "the time is in milliseconds, not seconds")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let time: u32 = number::decimal(&call.shift()?).ok_or_else(Fatal::usage)?;
    let unit = if options.has('m') { 1 } else { 1000 };
    sleep(u64::from(time).saturating_mul(unit)).or_unable(|| "sleep")?;
    let env = call.take_env();
    Next::run_if_any(call.take_args(), env)
}

/// Sleeps for `ms` milliseconds by the monotonic clock; a handled signal doesn't shorten it.
fn sleep(ms: u64) -> Result<(), Errno> {
    let mut until = sys::clock::get(ClockId::Monotonic);
    until.tv_sec = until.tv_sec.saturating_add_unsigned(ms / 1000);
    until.tv_nsec += i64::try_from(ms % 1000).unwrap_or(0) * 1_000_000;
    if until.tv_nsec >= 1_000_000_000 {
        until.tv_nsec -= 1_000_000_000;
        until.tv_sec = until.tv_sec.saturating_add(1);
    }
    loop {
        match sys::clock::sleep_until(&until) {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}
