//! `umask`: sets the file creation mask.

use rustix::fs::Mode;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "umask",
    summary: "set the file creation mask",
    operands: "mask prog...",
    options: &[],
    role: Role::Chain,
    main,
};

/// The same command under its other name.
pub static EXECLINE_UMASK: Tool = Tool { name: "execline-umask", ..TOOL };

fn main(call: &mut Call) -> Outcome {
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let mask = wire::number::octal(&call.shift()?).ok_or_else(Fatal::usage)?;
    rustix::process::umask(Mode::from_bits_truncate(mask & 0o777));
    Next::run(call.take_args(), call.take_env())
}
