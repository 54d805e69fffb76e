//! `s6-svlisten`: subscribes to services, runs a program, and waits until the services are in a state.

use crate::beside::{run_beside, take_block};
use crate::service_options::WAIT;
use supervision::listen::{Goal, Listening};
use tool::clock::deadline;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-svlisten",
    summary: "run a program and wait until services are up or down",
    operands: "{ servicedir... } prog...",
    options: WAIT,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let goal = Goal::of_options(&options);
    let mut any = options.last_of("ao") == Some('o');
    let dirs = take_block(&mut call.args).ok_or_else(|| Fatal::user("unterminated servicedir block"))?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    if dirs.is_empty() {
        let env = call.take_env();
        return Next::run(call.take_args(), env);
    }
    if any && matches!(goal, Goal::Restart | Goal::RestartReady) {
        call.warn("-o cannot be combined with a restart: waiting for all services");
        any = false;
    }
    let mut listening = Listening::new(&dirs, goal, any)?;
    run_beside(call, &listening.descriptors())?;
    listening.wait(deadline)?;
    Ok(Next::SUCCESS)
}
