//! `s6-printenv`: prints the environment, one variable per line.

use tool::{Call, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-printenv",
    summary: "print the environment",
    operands: "",
    options: &[
        Opt::flag('n', "print no delimiter after the last variable"),
        Opt::flag('0', "delimit by a NUL byte"),
        Opt::value('d', "delim", "delimit by the first character of delim"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let delimiter = match options.get('d') {
        _ if options.has('0') => 0,
        // Like a C string, an empty delim begins with its terminating NUL.
        Some(text) => text.first().copied().unwrap_or(0),
        None => b'\n',
    };
    let mut out = Out::new();
    for (i, var) in call.env.vars().iter().enumerate() {
        if i > 0 {
            out.put(&[delimiter])?;
        }
        out.put(var)?;
    }
    if !options.has('n') && !call.env.vars().is_empty() {
        out.put(&[delimiter])?;
    }
    out.finish()
}
