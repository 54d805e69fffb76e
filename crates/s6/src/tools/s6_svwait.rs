//! `s6-svwait`: waits until services are in a state.

use crate::service_options::WAIT;
use supervision::listen::{Goal, Listening};
use supervision::naming::advised;
use tool::clock::deadline;
use tool::{Call, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-svwait",
    summary: "wait until services are up or down",
    operands: "servicedir...",
    options: WAIT,
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
    let listening = Listening::new(&dirs, goal, options.last_of("ao") == Some('o'));
    let listening = listening.map_err(|fatal| advised(fatal, TOOL.name, &dirs))?;
    listening.past_failed_starts().wait(deadline)?;
    Ok(Next::SUCCESS)
}
