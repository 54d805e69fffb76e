//! `s6-fdholder-delete`: deletes a descriptor from an fd holder.

use ipc::fdholder;
use tool::{Call, Next, Opt, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-fdholder-delete",
    summary: "have an fd holder close a descriptor",
    operands: "path id",
    options: &[Opt::value('t', "timeout", "give up after this many milliseconds")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (path, id) = (call.shift()?, call.shift()?);
    let mut holder = fdholder::connect(&path, options.number('t')?)?;
    holder.delete(&id).map_err(|e| fdholder::refused(&format!("delete {}", diag::show(&id)), e))?;
    Ok(Next::SUCCESS)
}
