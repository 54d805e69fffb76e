//! `s6-linux-init-echo`: writes its arguments to standard output.

use tool::{Call, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-echo",
    summary: "write the arguments to standard output",
    operands: "args...",
    options: &[
        Opt::flag('n', "write no newline at the end"),
        Opt::value('s', "sep", "the separator; default a space"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let separator = options.get('s').map_or(&b" "[..], |s| s.get(..1).unwrap_or_default());
    let mut out = Out::new();
    out.put(&call.args.join(separator))?;
    if !options.has('n') {
        out.put(b"\n")?;
    }
    out.finish()
}
