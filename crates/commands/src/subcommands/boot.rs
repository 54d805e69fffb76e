//! `s6-overlay boot`: what the start of the container has taken its time for, as a chart.

use super::events::read;
use super::terminal::{columns, has_colour};
use crate::boot::chart::{Form, chart};
use crate::boot::document::document;
use crate::boot::start::Start;
use crate::status::gather::gather;
use crate::status::place::{Place, RUN};
use tool::{Call, Fatal, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay boot",
    summary: "show what the start of the container has taken its time for",
    operands: "",
    options: &[
        Opt::flag('p', "without colours, and in ASCII").long("plain"),
        Opt::flag('j', "as JSON").long("json"),
        RUN,
    ],
    role: Role::Stay,
    main,
};

/// The width of a chart in columns where no terminal has one.
const WIDTH: usize = 80;

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    if !call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let place = Place::of(call, &options);
    // Services that are there now are those of the record, and of later.
    let record = read(&place)?;
    let all = gather(&place, false)?;
    let start = Start::of(&all, &record)
        .ok_or_else(|| Fatal::new(111, "when the container began isn't in its record of events any more"))?;
    let mut out = Out::new();
    if options.has('j') {
        out.line(&document(&start, &all))?;
    } else {
        let is_plain = options.has('p');
        let form = Form {
            width: columns(call).unwrap_or(WIDTH),
            colour: !is_plain && has_colour(call),
            is_ascii: is_plain,
        };
        out.put(chart(&start, &all, form).as_bytes())?;
    }
    out.finish()
}
