//! `s6-svwait`: waits until services are in a state.

use supervision::listen::{Goal, Listening};
use tool::clock::deadline;
use tool::{Call, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-svwait",
    summary: "wait until services are up or down",
    operands: "servicedir...",
    options: &[
        Opt::flag('u', "wait until they are up (default)"),
        Opt::flag('U', "wait until they are up and ready"),
        Opt::flag('d', "wait until they are down"),
        Opt::flag('D', "wait until they are down and their finish is done"),
        Opt::flag('r', "wait until they have restarted"),
        Opt::flag('R', "wait until they have restarted and are ready"),
        Opt::flag('a', "all of them (default)"),
        Opt::flag('o', "one of them is enough"),
        Opt::value('t', "timeout", "give up after this many milliseconds, with code 99"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let goal = Goal::of_options(&options);
    let dirs = call.take_args();
    if dirs.is_empty() {
        return Ok(Next::SUCCESS);
    }
    let listening = Listening::new(&dirs, goal, options.last_of("ao") == Some('o'))?;
    listening.past_failed_starts().wait(deadline)?;
    Ok(Next::SUCCESS)
}
