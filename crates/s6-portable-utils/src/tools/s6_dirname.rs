//! `s6-dirname`: prints a path without its last component.

use crate::paths;
use tool::{Call, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dirname",
    summary: "print a path without its last component",
    operands: "path",
    options: &[Opt::flag('n', "print no newline at the end")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    let mut out = Out::new();
    out.put(paths::dirname(&path))?;
    if !options.has('n') {
        out.put(b"\n")?;
    }
    out.finish()
}
