//! `s6-svunlink`: unlinks a service from a live scan directory and waits until its supervisor has exited.

use supervision::link::unlink;
use tool::clock::deadline;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-svunlink",
    summary: "end the supervision of a service in a scan directory",
    operands: "scandir servicename",
    options: &[
        Opt::flag('X', "do not wait"),
        Opt::value('t', "timeout", "wait at most this many milliseconds"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let (scandir, name) = (call.shift()?, call.shift()?);
    if name.is_empty() || name.starts_with(b".") || name.contains(&b'/') {
        return Err(Fatal::user("invalid service name"));
    }
    unlink(&scandir, &name, !options.has('X'), deadline)?;
    Ok(Next::SUCCESS)
}
