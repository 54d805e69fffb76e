//! `shift`: shifts the positional parameters.

use crate::blocks::{Blocks, strictness};
use crate::positional;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "shift",
    summary: "drop the first positional parameters",
    operands: "prog...",
    options: &[
        Opt::value('n', "argn", "drop this many (default: 1, or 0 with -b)"),
        Opt::value('b', "blockn", "then drop this many blocks"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (n, blocks) = (options.number::<u32>('n')?, options.number::<u32>('b')?);
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let count = positional::count(&call.env)?;
    positional::get(&call.env, 0)?;
    let mut rest = positional::range(&call.env, 1, count)?;
    let n = n.unwrap_or(u32::from(blocks.is_none()));
    if n > count {
        let text = format!("unable to shift {n} arguments: got {count}");
        match strictness(&call.env).unwrap_or(0) {
            0 => {}
            1 => call.warn(&text),
            _ => return Err(Fatal::user(text)),
        }
    }
    rest.drain(..usize::try_from(n.min(count)).unwrap_or(0));
    let mut taken = Blocks::new(call);
    for i in 1..=blocks.unwrap_or(0) {
        taken.take_or(&mut rest, || {
            Fatal::user(format_args!("unable to shift block {i}: too few arguments"))
        })?;
    }
    positional::replace(&mut call.env, count, &rest);
    Next::run(call.take_args(), call.take_env())
}
