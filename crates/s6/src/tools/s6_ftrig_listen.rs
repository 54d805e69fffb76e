//! `s6-ftrig-listen`: listens in fifodirs, runs a program, and waits until the letters match.

use crate::beside::{run_beside, take_block};
use supervision::expect::Expectations;
use tool::clock::deadline;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ftrig-listen",
    summary: "run a program and wait for events in fifodirs",
    operands: "{ fifodir1 regexp1 ... } prog...",
    options: &[
        Opt::flag('a', "wait for all of them (default)").long("and"),
        Opt::flag('o', "one of them is enough").long("or"),
        Opt::value('t', "timeout", "give up after this many milliseconds, with code 1").long("timeout"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let block = take_block(&mut call.args)
        .ok_or_else(|| Fatal::user("unterminated block of fifodirs and regexps"))?;
    let pairs: Vec<_> =
        block.chunks(2).filter_map(|p| Some((p.first()?.as_slice(), p.get(1)?.as_slice()))).collect();
    if pairs.is_empty() || pairs.len().saturating_mul(2) != block.len() || call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut expected = Expectations::new(pairs)?;
    run_beside(call, &expected.descriptors())?;
    expected.wait(options.last_of("ao") == Some('o'), deadline, 1)?;
    Ok(Next::SUCCESS)
}
