//! `s6-svlisten1`: subscribes to one service, runs a program, and waits until the service is in a state.

use crate::beside::run_beside;
use supervision::listen::{Goal, Listening};
use tool::clock::deadline;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-svlisten1",
    summary: "run a program and wait until a service is up or down",
    operands: "servicedir prog...",
    options: &[
        Opt::flag('u', "wait until it is up (default)"),
        Opt::flag('U', "wait until it is up and ready"),
        Opt::flag('d', "wait until it is down"),
        Opt::flag('D', "wait until it is down and its finish is done"),
        Opt::flag('r', "wait until it has restarted"),
        Opt::flag('R', "wait until it has restarted and is ready"),
        Opt::value('t', "timeout", "give up after this many milliseconds, with code 99"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let goal = Goal::of_options(&options);
    let dir = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut listening = Listening::new(&[dir], goal, false)?;
    run_beside(call, &listening.descriptors())?;
    listening.wait(deadline)?;
    Ok(Next::SUCCESS)
}
