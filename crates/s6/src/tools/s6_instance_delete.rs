//! `s6-instance-delete`: removes an instance from an instanced service that is up.

use crate::instance::{check_name, live_scandir, remove_tree};
use supervision::control::join;
use supervision::link::unlink;
use tool::clock::deadline;
use tool::{Call, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-instance-delete",
    summary: "remove an instance from an instanced service",
    operands: "servicedir name",
    options: &[
        Opt::flag('X', "do not wait until the instance is down"),
        Opt::value('t', "timeout", "wait at most this many milliseconds"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let (service, name) = (call.shift()?, call.shift()?);
    check_name(&name)?;
    let scandir = live_scandir(&service)?;
    unlink(&scandir, &name, !options.has('X'), deadline)?;
    remove_tree(&join(&service, &[b"instances", &name]))?;
    Ok(Next::SUCCESS)
}
