//! `s6-echo`: prints its arguments, with a separator between them and a newline after the last.

use tool::{Call, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-echo",
    summary: "print arguments",
    operands: "[ arg... ]",
    options: &[
        Opt::flag('n', "print no newline at the end"),
        Opt::value('s', "sep", "separate by the first character of sep instead of a space"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let separator = match options.get('s') {
        // Like a C string, an empty sep begins with its terminating NUL.
        Some(text) => text.first().copied().unwrap_or(0),
        None => b' ',
    };
    let mut out = Out::new();
    for (i, word) in call.args.iter().enumerate() {
        if i > 0 {
            out.put(&[separator])?;
        }
        out.put(word)?;
    }
    if !options.has('n') {
        out.put(b"\n")?;
    }
    out.finish()
}
