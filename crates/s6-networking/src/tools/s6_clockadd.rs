//! `s6-clockadd`: sets the system clock by the difference that a time client found.

use crate::clock::{self, show};
use rustix::time::{ClockId, Timespec, clock_settime};
use tool::clock::wall;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-clockadd",
    summary: "set the system clock by a difference from standard input",
    operands: "",
    options: &[
        Opt::flag('f', "set it even if the difference is larger than allowed"),
        Opt::value('e', "errmax", "allow a difference of so many milliseconds; default 2000"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let most = i128::from(options.number('e')?.unwrap_or(2000_u32)) * 1_000_000;
    let difference = clock::read()?;
    if difference.unsigned_abs() > most.unsigned_abs() {
        let text = format!("the clock is off by {}, more than {}", show(difference), show(most));
        if !options.has('f') {
            return Err(Fatal::new(1, text));
        }
        call.warn(&text);
    }
    let time = clock::later(wall(), difference)
        .ok_or_else(|| Fatal::new(111, format!("a difference of {} leads nowhere", show(difference))))?;
    let time = Timespec { tv_sec: time.unix_seconds(), tv_nsec: time.nanos.into() };
    clock_settime(ClockId::Realtime, time).or_unable(|| "set the system clock")?;
    Ok(Next::SUCCESS)
}
