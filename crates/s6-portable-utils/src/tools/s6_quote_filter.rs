//! `s6-quote-filter`: prints lines quoted.

use tool::{Call, Fatal, Input, Opt, Out, Outcome, Role, Tool};
use wire::quoting;

pub static TOOL: Tool = Tool {
    name: "s6-quote-filter",
    summary: "print lines quoted",
    operands: "",
    options: &[
        Opt::flag('u', "only escape, without quotes"),
        Opt::value('d', "delim", "quote with the first character of delim; all of them are escaped"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let delimiters = options.get('d').unwrap_or(b"\"");
    if delimiters.is_empty() && !options.has('u') {
        return Err(Fatal::user("no character to quote with"));
    }
    let (mut input, mut out) = (Input::lines(), Out::new());
    while let Some(line) = input.next(&mut out)? {
        out.put(&quoting::quote(line.text, delimiters, !options.has('u')))?;
        if line.is_terminated {
            out.put(b"\n")?;
        }
    }
    out.finish()
}
