//! `s6-quote`: prints a string quoted.

use tool::{Call, Fatal, Opt, Out, Outcome, Role, Tool};
use wire::quoting;

pub static TOOL: Tool = Tool {
    name: "s6-quote",
    summary: "print a string quoted",
    operands: "string",
    options: &[
        Opt::flag('n', "print no newline at the end"),
        Opt::flag('u', "only escape, without quotes"),
        Opt::value('d', "delim", "quote with the first character of delim; all of them are escaped"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let string = call.shift()?;
    let delimiters = options.get('d').unwrap_or(b"\"");
    if delimiters.is_empty() && !options.has('u') {
        return Err(Fatal::user("no character to quote with"));
    }
    let mut out = Out::new();
    out.put(&quoting::quote(&string, delimiters, !options.has('u')))?;
    if !options.has('n') {
        out.put(b"\n")?;
    }
    out.finish()
}
