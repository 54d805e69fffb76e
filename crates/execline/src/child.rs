//! Children of a command: runs blocks to their end and reports how they ended.

use rustix::io::Errno;
use sys::process::{Ended, wait_for};
use tool::{Call, Env, Fatal, OrUnable, Setup};

/// Runs `argv` and waits for its end; an empty `argv` succeeds, like `true`.
pub(crate) fn run(call: &Call, argv: Vec<Vec<u8>>, env: Env) -> Result<Ended, Fatal> {
    let name = argv.first().cloned().unwrap_or_default();
    try_run(call, argv, env)?.map_err(|e| tool::unable_to_spawn(&name, e))
}

/// As [`run`]; the inner error says why the program could not be run.
pub(crate) fn try_run(call: &Call, argv: Vec<Vec<u8>>, env: Env) -> Result<Result<Ended, Errno>, Fatal> {
    if argv.is_empty() {
        return Ok(Ok(Ended::Exited(0)));
    }
    match tool::try_spawn(call, argv, env, &Setup::default()) {
        Ok(pid) => wait_for(pid).or_unable(|| "wait for a child").map(Ok),
        Err(e) => Ok(Err(e)),
    }
}

/// The exit code that represents a child's end, by the exitcodes page: its own up to 128, 128 for higher ones,
/// 128 + the signal's number if it was killed.
pub(crate) fn approximate(ended: Ended) -> u8 {
    match ended {
        Ended::Exited(code) => code.min(128),
        Ended::Killed(signal) => signal.saturating_add(128),
    }
}

/// The value of the variable `?`: the exit code, or 256 + the signal's number.
pub(crate) fn status(ended: Ended) -> u16 {
    match ended {
        Ended::Exited(code) => u16::from(code),
        Ended::Killed(signal) => 256 + u16::from(signal),
    }
}

/// Whether the child succeeded.  Unless `crash_is_false`, a child killed by a signal is a fatal error.
pub(crate) fn succeeded(ended: Ended, crash_is_false: bool) -> Result<bool, Fatal> {
    match ended {
        Ended::Killed(signal) if !crash_is_false => {
            Err(Fatal::new(approximate(ended), format_args!("child crashed with signal {signal}")))
        }
        _ => Ok(ended == Ended::Exited(0)),
    }
}

/// Runs `argv` to its end and stores its status in `?`; if it can't be run, warns and stores 126 or 127.
pub(crate) fn run_in_sequence(call: &Call, argv: Vec<Vec<u8>>, env: Env) -> Result<Env, Fatal> {
    let name = argv.first().cloned().unwrap_or_default();
    let mut after = env.clone();
    let status = match try_run(call, argv, env)? {
        Ok(ended) => status(ended),
        Err(e) => {
            call.warn(tool::unable_to_spawn(&name, e).message());
            if e == Errno::NOENT { 127 } else { 126 }
        }
    };
    after.set(b"?", status.to_string().as_bytes());
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_of_ended_children() {
        assert_eq!(approximate(Ended::Exited(127)), 127);
        assert_eq!(approximate(Ended::Exited(200)), 128);
        assert_eq!(approximate(Ended::Killed(9)), 137);
        assert_eq!(status(Ended::Exited(200)), 200);
        assert_eq!(status(Ended::Killed(9)), 265);
    }

    #[test]
    fn a_crash_is_fatal_unless_wanted() {
        assert!(succeeded(Ended::Exited(0), false).unwrap());
        assert!(!succeeded(Ended::Exited(3), false).unwrap());
        assert_eq!(succeeded(Ended::Killed(15), false).unwrap_err().code(), 143);
        assert!(!succeeded(Ended::Killed(15), true).unwrap());
    }
}
