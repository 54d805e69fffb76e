//! `s6-tai64nlocal`: turns the TAI64N time stamps at the start of lines into dates and times.

use logger::stamp::{Calendar, Clock};
use tool::{Call, Input, Opt, Out, Outcome, Role, Tool, local_time};
use wire::calendar::utc;
use wire::tai::{PACKED, Tai64n};

pub static TOOL: Tool = Tool {
    name: "s6-tai64nlocal",
    summary: "turn TAI64N time stamps into dates and times",
    operands: "",
    options: &[Opt::flag('g', "in UTC, not in local time")],
    role: Role::Stay,
    main,
};

/// Length of a stamp: `@` and two digits a byte.
const LABEL: usize = 1 + 2 * PACKED;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let calendar: Calendar = if options.has('g') { utc } else { local_time::local };
    let mut clock = Clock::new(calendar);
    let (mut input, mut out) = (Input::lines(), Out::new());
    while let Some(line) = input.next(&mut out)? {
        let mut text = line.text;
        if let Some(when) = Tai64n::from_label(text)
            && let Some(stamp) = clock.iso(when)
        {
            out.put(stamp)?;
            text = text.get(LABEL..).unwrap_or_default();
        }
        out.put(text)?;
        if line.is_terminated {
            out.put(b"\n")?;
        }
    }
    out.finish()
}
