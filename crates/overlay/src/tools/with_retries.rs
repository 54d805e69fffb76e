//! `with-retries`: runs a program until it succeeds, a few times at most.

use crate::program::wait_at_most;
use std::time::Duration;
use sys::signal::TERM;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "with-retries",
    summary: "run a program until it succeeds, a few times at most",
    operands: "prog...",
    options: &[
        Opt::value('n', "tries", "how often at most; 3 if not given"),
        Opt::value('t', "ms", "how long a try may take before it gets SIGTERM; 500 if not given"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let tries = options.number::<u32>('n')?.unwrap_or(3);
    let limit = Duration::from_millis(u64::from(options.number::<u32>('t')?.unwrap_or(500)));
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    for _ in 0..tries {
        // A program that is missing now may exist at the next try.
        let pid = match tool::spawn(call, call.args.clone(), call.env.clone()) {
            Ok(pid) => pid,
            Err(failure) => {
                call.warn(failure.message());
                continue;
            }
        };
        let (ended, _) = wait_at_most(pid, Some(limit), TERM).or_unable(|| "wait for the program")?;
        if ended.code() == 0 {
            return Ok(Next::SUCCESS);
        }
    }
    Err(Fatal::silent(1))
}
