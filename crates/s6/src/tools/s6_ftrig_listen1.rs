//! `s6-ftrig-listen1`: listens in a fifodir, runs a program, and waits until the letters match.

use crate::beside::run_beside;
use supervision::expect::Expectations;
use tool::clock::deadline;
use tool::{Call, Fatal, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ftrig-listen1",
    summary: "run a program and wait for events in a fifodir",
    operands: "fifodir regexp prog...",
    options: &[
        Opt::value('t', "timeout", "give up after this many milliseconds, with code 1").long("timeout")
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let (fifodir, pattern) = (call.shift()?, call.shift()?);
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut expected = Expectations::new([(&*fifodir, &*pattern)])?;
    run_beside(call, &expected.descriptors())?;
    let heard = expected.wait(false, deadline, 1)?;
    let mut out = Out::new();
    out.line(&heard)?;
    out.finish()
}
