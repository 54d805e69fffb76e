//! `wait`: waits for children.

use crate::block;
use crate::child::approximate;
use crate::waiting::{Answer, Request, wait};
use rustix::process::Pid;
use std::time::Duration;
use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "wait",
    summary: "wait for children, then execute the rest",
    operands: "{ [ pids... ] } prog...",
    options: &[
        Opt::flag('I', "continue after a time-out (default)").long("no-insist"),
        Opt::flag('i', "fail after a time-out, with code 99").long("insist"),
        Opt::flag('a', "wait for all children (default)").long("all"),
        Opt::flag('o', "wait for one child, and set ! and ?").long("one"),
        Opt::flag('r', "only reap children that are dead already").long("reap"),
        Opt::value('t', "timeout", "wait at most this many milliseconds").long("timeout"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let block = block::take(&mut call.args);
    let words = block.as_ref().map_or(&call.args, |b| &b.words);
    let request = request(&options, words)?;
    let one = request.one;
    let answer = wait(request).map_err(|e| Fatal::unable("wait", e))?;
    if answer.timed_out && options.last_of("Ii") == Some('i') {
        return Err(Fatal::unable("wait", rustix::io::Errno::TIMEDOUT).with_code(99));
    }
    if block.is_none() {
        return Ok(Next::Exit(posix_code(&answer, words.is_empty(), one)));
    }
    if one {
        match answer.last {
            Some((pid, ended)) => {
                call.env.set(b"?", approximate(ended).to_string().as_bytes());
                call.env.set(b"!", pid.as_raw_nonzero().to_string().as_bytes());
            }
            None => {
                call.env.unset(b"?");
                call.env.unset(b"!");
            }
        }
    }
    Next::run_if_any(call.take_args(), call.take_env())
}

fn request(options: &Options, words: &[Vec<u8>]) -> Result<Request, Fatal> {
    let pid = |word: &Vec<u8>| match wire::number::decimal::<i32>(word) {
        // Zero names no child; neither does our own id.
        Some(0) => Ok(rustix::process::getpid()),
        n => n.filter(|n| *n > 0).and_then(Pid::from_raw).ok_or_else(Fatal::usage),
    };
    let timeout = options.number::<u32>('t')?;
    let timeout = if options.has('r') { Some(0) } else { timeout };
    Ok(Request {
        pids: words.iter().map(pid).collect::<Result<_, _>>()?,
        one: options.last_of("ao") == Some('o'),
        timeout: timeout.map(|ms| Duration::from_millis(ms.into())),
    })
}

/// The exit code of a call without a block, by POSIX: 0 after waiting for all children, otherwise the code of the
/// child named last, or 127 if it isn't a child of this process.
fn posix_code(answer: &Answer, all: bool, one: bool) -> u8 {
    if all && !one {
        return if answer.timed_out { 127 } else { 0 };
    }
    answer.last.map_or(127, |(_, ended)| approximate(ended))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::process::Ended;

    fn requested(words: &str) -> Result<(usize, bool, Option<Duration>), u8> {
        let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
        let options = Options::take(TOOL.options, &mut args).unwrap();
        let request = request(&options, &args).map_err(|e| e.code())?;
        Ok((request.pids.len(), request.one, request.timeout))
    }

    #[test]
    fn by_default_all_children_are_waited_for_without_limit() {
        let milliseconds = Duration::from_millis;
        assert_eq!(requested(""), Ok((0, false, None)));
        assert_eq!(requested("-o 5 6"), Ok((2, true, None)));
        assert_eq!(requested("-o -a"), Ok((0, false, None)));
        assert_eq!(requested("-t 1500"), Ok((0, false, Some(milliseconds(1500)))));
        assert_eq!(requested("-r"), Ok((0, false, Some(milliseconds(0)))));
        for bad in ["-t x", "-r -t x", "x", "-- -5"] {
            assert_eq!(requested(bad), Err(100), "{bad}");
        }
    }

    #[test]
    fn exit_codes_of_a_call_without_a_block() {
        let pid = rustix::process::getpid();
        let code = |last: Option<Ended>, timed_out, all, one| {
            posix_code(&Answer { last: last.map(|ended| (pid, ended)), timed_out }, all, one)
        };
        assert_eq!(code(None, false, true, false), 0);
        assert_eq!(code(None, true, true, false), 127);
        assert_eq!(code(Some(Ended::Exited(3)), false, false, false), 3);
        assert_eq!(code(Some(Ended::Killed(9)), false, false, false), 137);
        assert_eq!(code(None, false, false, false), 127);
        assert_eq!(code(Some(Ended::Exited(4)), false, true, true), 4);
    }
}
