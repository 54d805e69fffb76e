//! A child that runs a program, as the blocks of execline and the runs of a loop need it.

use crate::chain::run_program;
use crate::{Call, Env, Fatal, OrUnable, Program};
use rustix::process::Pid;
use sys::process::Fork;

/// Starts `argv` in a child; the child looks it up in the call's PATH and reports its own failure to run
/// (126, 127) in the name of the calling tool.
///
/// # Errors
/// No child could be made: code 111.  An empty `argv` is a usage error.
pub fn spawn(call: &Call, argv: Vec<Vec<u8>>, env: Env) -> Result<Pid, Fatal> {
    spawn_with(call, argv, env, || Ok(()))
}

/// As [`spawn`]; `prepare` runs in the child first (descriptors, signals, credentials).
///
/// # Errors
/// As [`spawn`].  An error of `prepare` ends the child with its code.
pub fn spawn_with(
    call: &Call,
    argv: Vec<Vec<u8>>,
    env: Env,
    prepare: impl FnOnce() -> Result<(), Fatal>,
) -> Result<Pid, Fatal> {
    let file = argv.first().cloned().ok_or_else(Fatal::usage)?;
    match sys::process::fork().or_unable(|| "fork")? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => {
            if let Err(fatal) = prepare() {
                crate::diag::fatal(call.tool.name, fatal.message());
                sys::process::exit(fatal.code());
            }
            run_program(call.tool, Program { file, argv, env }, call.path.as_deref())
        }
    }
}
