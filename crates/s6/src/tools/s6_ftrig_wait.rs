//! `s6-ftrig-wait`: waits until the letters in a fifodir match, and prints them.

use supervision::expect::Expectations;
use tool::clock::deadline;
use tool::{Call, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ftrig-wait",
    summary: "wait for events in a fifodir",
    operands: "fifodir regexp",
    options: &[
        Opt::value('t', "timeout", "give up after this many milliseconds, with code 99").long("timeout")
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let (fifodir, pattern) = (call.shift()?, call.shift()?);
    let heard = Expectations::new([(&*fifodir, &*pattern)])?.wait(false, deadline, 99)?;
    let mut out = Out::new();
    out.line(&heard)?;
    out.finish()
}
