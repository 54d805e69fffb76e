//! `s6-fdholder-retrieve`: runs a program with a descriptor of an fd holder as its standard input.

use ipc::fdholder;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-fdholder-retrieve",
    summary: "run a program with a descriptor of an fd holder as standard input",
    operands: "path id prog...",
    options: &[
        Opt::flag('D', "have the holder close it"),
        Opt::value('t', "timeout", "give up after this many milliseconds"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (path, id) = (call.shift()?, call.shift()?);
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut holder = fdholder::connect(&path, options.number('t')?)?;
    let fd = holder
        .retrieve(&id, options.has('D'))
        .map_err(|e| fdholder::refused(&format!("retrieve {}", diag::show(&id)), e))?;
    // The retrieved descriptor may have the number 0.
    drop(holder);
    sys::fd::place(fd, 0).or_unable(|| "place the descriptor at 0")?;
    let env = call.take_env();
    Next::run(call.take_args(), env)
}
