//! `wait`: waits for children.

use crate::block;
use crate::child::approximate;
use crate::waiting::{Answer, Request, wait};
use rustix::process::Pid;
use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "wait",
    summary: "wait for children, then go on",
    operands: "{ [ pids... ] } prog...",
    options: &[
        Opt::flag('I', "go on after a time-out (default)").long("no-insist"),
        Opt::flag('i', "fail after a time-out, with code 99").long("insist"),
        Opt::flag('a', "wait for all (default)").long("all"),
        Opt::flag('o', "wait for one, and set ! and ?").long("one"),
        Opt::flag('r', "only reap what is dead already").long("reap"),
        Opt::value('t', "timeout", "wait at most that many milliseconds").long("timeout"),
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
        // No child has that id, as none has our own.
        Some(0) => Ok(rustix::process::getpid()),
        n => n.filter(|n| *n > 0).and_then(Pid::from_raw).ok_or_else(Fatal::usage),
    };
    let timeout = options.number::<u32>('t')?;
    Ok(Request {
        pids: words.iter().map(pid).collect::<Result<_, _>>()?,
        one: options.last_of("ao") == Some('o'),
        timeout: if options.has('r') { Some(0) } else { timeout },
    })
}

/// The exit code of a call without a block, which POSIX gives: 0 for all children, otherwise the end of the last one
/// named, or 127 if that is none of ours.
fn posix_code(answer: &Answer, all: bool, one: bool) -> u8 {
    if all && !one {
        return if answer.timed_out { 127 } else { 0 };
    }
    answer.last.map_or(127, |(_, ended)| approximate(ended))
}
