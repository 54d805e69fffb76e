//! `s6-unquote`: unquotes a string.

use tool::{Call, Fatal, Opt, Out, Outcome, Role, Tool};
use wire::quoting;

pub static TOOL: Tool = Tool {
    name: "s6-unquote",
    summary: "unquote a string",
    operands: "string",
    options: &[
        Opt::flag('n', "print no newline at the end"),
        Opt::value('d', "delim", "the quote characters; empty: only resolve escapes"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let string = call.shift()?;
    let delimiters = options.get('d').unwrap_or(b"\"");
    let (text, used) = quoting::unquote(&string, delimiters)
        .map_err(|flaw| Fatal::user(format_args!("unable to unquote the string: {}", flaw.text())))?;
    if used < string.len() {
        call.warn(format_args!("the string ends at character {used}; what follows is ignored"));
    }
    let mut out = Out::new();
    out.put(&text)?;
    if !options.has('n') {
        out.put(b"\n")?;
    }
    out.finish()
}
