//! `s6-fdholder-list`: prints the identifiers in an fd holder, one a line.

use ipc::fdholder;
use tool::{Call, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-fdholder-list",
    summary: "list the descriptors of an fd holder",
    operands: "path",
    options: &[Opt::value('t', "timeout", "give up after this many milliseconds")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    let mut holder = fdholder::connect(&path, options.number('t')?)?;
    let ids = holder.list().map_err(|e| fdholder::refused("list what is held", e))?;
    let mut out = Out::new();
    for id in ids {
        out.line(&wire::quoting::quote(&id, b"", false))?;
    }
    out.finish()
}
