//! `cd`: changes the working directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "cd",
    summary: "change the working directory",
    operands: "dir prog...",
    options: &[],
    role: Role::Chain,
    main,
};

/// The same command under its other name.
pub static EXECLINE_CD: Tool = Tool { name: "execline-cd", ..TOOL };

fn main(call: &mut Call) -> Outcome {
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let directory = call.shift()?;
    change(&directory)?;
    Next::run(call.take_args(), call.take_env())
}

/// Changes the working directory with chdir(2).
pub(super) fn change(directory: &[u8]) -> Result<(), Fatal> {
    rustix::process::chdir(OsStr::from_bytes(directory)).or_unable_to("chdir to", directory)
}
