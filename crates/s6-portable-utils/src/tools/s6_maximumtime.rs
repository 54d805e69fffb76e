//! `s6-maximumtime`: runs a program, and sends it a signal when a time limit passes.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::time::ClockId;
use std::os::fd::AsFd;
use sys::process::{Ended, kill, reap_one};
use sys::signal::{self, Set, Signal, SignalFd};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Setup, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-maximumtime",
    summary: "run a program with a time limit",
    operands: "milliseconds prog...",
    options: &[
        Opt::flag('0', "at the limit, send no signal"),
        Opt::flag('a', "at the limit, send SIGALRM"),
        Opt::flag('b', "at the limit, send SIGABRT"),
        Opt::flag('i', "at the limit, send SIGINT"),
        Opt::flag('k', "at the limit, send SIGKILL"),
        Opt::flag('q', "at the limit, send SIGQUIT"),
        Opt::flag('t', "at the limit, send SIGTERM (default)"),
        Opt::flag('x', "at the limit, send SIGXCPU"),
        Opt::flag('1', "at the limit, send SIGUSR1"),
        Opt::flag('2', "at the limit, send SIGUSR2"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let at_limit = options.last_of("0abikqtx12").map_or(Some(signal::TERM), signal_of);
    let limit: u32 = number::decimal(&call.shift()?).ok_or_else(Fatal::usage)?;
    let argv = call.take_args();
    let name = argv.first().cloned().ok_or_else(Fatal::usage)?;

    let mask = signal::block(&Set::empty());
    let signals = SignalFd::new(&Set::of(&[signal::CHLD])).or_unable(|| "make a signal descriptor")?;
    let setup = Setup { private: &[signals.as_fd()], mask: Some(mask), ..Setup::default() };
    let env = call.take_env();
    let pid = tool::try_spawn(call, argv, env, &setup).map_err(|e| tool::unable_to_spawn(&name, e))?;

    let until = (limit > 0).then(|| after(limit));
    loop {
        match reap_one(pid).or_unable(|| "wait for the program")? {
            Some(Ended::Exited(code)) => return Ok(Next::Exit(code)),
            Some(Ended::Killed(number)) => {
                call.warn(format_args!("the program was killed by signal {number}"));
                return Ok(Next::Exit(111));
            }
            None => {}
        }
        let left = until.map(left_until);
        match poll(&mut [PollFd::new(&signals, PollFlags::IN)], left.as_ref()) {
            Err(Errno::INTR) => {}
            Err(e) => return Err(Fatal::unable("poll", e)),
            Ok(0) if left.is_some_and(|l| l == Timespec::default()) => break,
            Ok(_) => while signals.read().or_unable(|| "read signals")?.is_some() {},
        }
    }
    if let Some(number) = at_limit {
        kill(pid, number).or_unable(|| "signal the program")?;
    }
    call.warn(format_args!("the program took more than {limit} ms"));
    Ok(Next::Exit(99))
}

fn signal_of(letter: char) -> Option<Signal> {
    Some(match letter {
        'a' => signal::ALRM,
        'b' => signal::ABRT,
        'i' => signal::INT,
        'k' => signal::KILL,
        'q' => signal::QUIT,
        't' => signal::TERM,
        'x' => signal::XCPU,
        '1' => signal::USR1,
        '2' => signal::USR2,
        _ => return None,
    })
}

/// The moment in `ms` milliseconds.
fn after(ms: u32) -> Timespec {
    let ms = i64::from(ms);
    sys::clock::get(ClockId::Monotonic) + Timespec { tv_sec: ms / 1000, tv_nsec: ms % 1000 * 1_000_000 }
}

/// The time that is left; zero if the moment has passed.
fn left_until(until: Timespec) -> Timespec {
    let now = sys::clock::get(ClockId::Monotonic);
    if until > now { until - now } else { Timespec::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_its_signal() {
        let numbers: Vec<_> = "0abikqtx12".chars().map(|c| signal_of(c).unwrap_or(0)).collect();
        assert_eq!(numbers, [0, 14, 6, 2, 9, 3, 15, 24, 10, 12]);
    }
}
