//! `s6-clockadd`: adjusts the system clock by the difference that a time client measured.

use crate::clock::{self, show};
use rustix::time::{ClockId, Timespec};
use tool::clock::wall;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-clockadd",
    summary: "adjust the system clock by a difference from standard input",
    operands: "",
    options: &[
        Opt::flag('f', "adjust it even if the difference is larger than allowed"),
        Opt::value('e', "errmax", "the allowed difference, in milliseconds; default 2000"),
    ],
    role: Role::Stay,
    main,
};

/// The allowed difference in nanoseconds: 2 seconds, unless `-e` sets it.
fn limit(options: &Options) -> Result<i128, Fatal> {
    Ok(i128::from(options.number('e')?.unwrap_or(2000_u32)) * 1_000_000)
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let limit = limit(&options)?;
    let difference = clock::read()?;
    if difference.unsigned_abs() > limit.unsigned_abs() {
        let text = format!("the clock is off by {}, more than {}", show(difference), show(limit));
        if !options.has('f') {
            return Err(Fatal::new(1, text));
        }
        call.warn(&text);
    }
    let time = clock::later(wall(), difference)
        .ok_or_else(|| Fatal::new(111, format_args!("a difference of {} is too large", show(difference))))?;
    let time = Timespec { tv_sec: time.unix_seconds(), tv_nsec: time.nanos.into() };
    sys::clock::set(ClockId::Realtime, time).or_unable(|| "set the system clock")?;
    Ok(Next::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seconds_are_allowed_by_default() {
        let limit = |words: &[&str]| {
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            limit(&Options::take(TOOL.options, &mut args).unwrap()).map_err(|e| e.code())
        };
        assert_eq!(limit(&[]), Ok(2_000_000_000));
        assert_eq!(limit(&["-e", "5"]), Ok(5_000_000));
        assert_eq!(limit(&["-e", "x"]), Err(100));
    }
}
