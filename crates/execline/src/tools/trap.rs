//! `trap`: runs a program, and handlers when signals arrive.

use crate::blocks::Blocks;
use crate::child::approximate;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::AsFd;
use sys::process::reap;
use sys::signal::{self, Set, Signal, SignalFd};
use tool::sorted::Map;
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Setup, Tool, diag, unable_to_spawn};

pub static TOOL: Tool = Tool {
    name: "trap",
    summary: "run a program, and handlers when signals arrive",
    operands: "{ [ signal { handler... } ]... } prog...",
    options: &[Opt::flag('x', "forward signals without a handler to prog")],
    role: Role::Stay,
    main,
};

type Argv = Vec<Vec<u8>>;

/// The handler of each signal.
#[derive(Debug, Default, PartialEq, Eq)]
struct Handlers {
    by_signal: Map<Signal, Argv>,
    default: Option<Argv>,
}

impl Handlers {
    fn get(&self, signal: Signal) -> Option<&Argv> {
        self.by_signal.get(&signal).or(self.default.as_ref())
    }
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut blocks = Blocks::new(call);
    let directives = blocks.take_filled(&mut call.args)?;
    let handlers = handlers(directives, &mut blocks)?;
    let argv = call.take_args();
    let name = argv.first().cloned().ok_or_else(Fatal::usage)?;
    let all = options.has('x') || handlers.default.is_some();
    let caught: Vec<Signal> =
        (1..=64).filter(|s| trappable(*s) && (all || handlers.by_signal.contains(s))).collect();
    let mask = signal::block(&Set::empty());
    // If SIGCHLD were ignored, the kernel would reap children itself.  Other ignored signals arrive even so while they
    // are blocked, and stay ignored in children.
    signal::set_default(signal::CHLD).or_unable(|| "reset SIGCHLD")?;
    let mut set = caught;
    set.push(signal::CHLD);
    let signals = SignalFd::new(&Set::of(&set)).or_unable(|| "trap signals")?;
    let private = [signals.as_fd()];
    let setup = Setup { fds: &[], private: &private, mask: Some(mask) };
    let prog =
        tool::try_spawn(call, argv, call.env.clone(), &setup).map_err(|e| unable_to_spawn(&name, e))?;
    let mut running: Map<Signal, Pid> = Map::new();
    loop {
        let mut fds = [PollFd::new(&signals, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Fatal::unable("poll", e)),
        }
        while let Some(signal) = signals.read().or_unable(|| "read signals")? {
            if signal == signal::CHLD {
                while let Ok(Some((pid, ended))) = reap() {
                    if pid == prog {
                        return Ok(Next::Exit(approximate(ended)));
                    }
                    running.retain(|_, p| *p != pid);
                }
                continue;
            }
            let Some(handler) = handlers.get(signal) else {
                let _ = sys::process::kill(prog, signal);
                continue;
            };
            if !running.contains(&signal) && !handler.is_empty() {
                let env = environment(call, prog, signal);
                let name = handler.first().cloned().unwrap_or_default();
                let pid = tool::try_spawn(call, handler.clone(), env, &setup)
                    .map_err(|e| unable_to_spawn(&name, e))?;
                running.set(signal, pid);
            }
        }
    }
}

/// The environment of a handler: the program's process id in `!`, the signal's number in `SIGNAL`.
fn environment(call: &Call, prog: Pid, signal: Signal) -> Env {
    let mut env = call.env.clone();
    env.set(b"!", prog.as_raw_nonzero().to_string().as_bytes());
    env.set(b"SIGNAL", signal.to_string().as_bytes());
    env
}

fn trappable(signal: Signal) -> bool {
    // 32 to 34 are the C library's.
    !matches!(signal, signal::KILL | signal::STOP | signal::CHLD | 32..=34)
}

/// Reads pairs of a signal (or `default`) and a block.
fn handlers(mut words: Argv, blocks: &mut Blocks) -> Result<Handlers, Fatal> {
    let mut handlers = Handlers::default();
    while !words.is_empty() {
        let name = words.remove(0);
        let shown = diag::show(&name);
        let signal = match signal::parse(&name) {
            None if name.eq_ignore_ascii_case(b"default") => None,
            None => return Err(Fatal::user(format_args!("unrecognized directive: {shown}"))),
            Some(n) if !trappable(n) => return Err(Fatal::user(format_args!("{shown} cannot be trapped"))),
            some => some,
        };
        let argv = blocks.take(&mut words, "internal")?;
        let before = match signal {
            Some(n) => handlers.by_signal.set(n, argv),
            None => handlers.default.replace(argv),
        };
        if before.is_some() {
            return Err(Fatal::user(format_args!("duplicate directive: {shown}")));
        }
    }
    Ok(handlers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_signals_but_these_can_be_trapped() {
        let refused: Vec<_> = (1..=64).filter(|s| !trappable(*s)).collect();
        // KILL, CHLD, STOP, and the C library's.
        assert_eq!(refused, [9, 17, 19, 32, 33, 34]);
    }

    fn parsed(text: &str) -> Result<Vec<Signal>, String> {
        let words = text.split(' ').map(|w| w.trim_matches('_').as_bytes().to_vec()).collect();
        let mut blocks = Blocks::of("trap", &Env::new());
        let handlers = handlers(words, &mut blocks).map_err(|e| e.message().to_owned())?;
        let default = handlers.default.map(|_| 0);
        Ok(default.into_iter().chain(handlers.by_signal.into_keys()).collect())
    }

    #[test]
    fn a_directive_is_a_signal_by_name_or_number() {
        assert_eq!(parsed("SIGTERM a _ int b _ 10 c _ default d _"), Ok(vec![0, 2, 10, 15]));
        for (text, reason) in [
            ("KILL a _", "KILL cannot be trapped"),
            ("SIGCHLD a _", "SIGCHLD cannot be trapped"),
            ("timeout a _", "unrecognized directive: timeout"),
            ("TERM a _ 15 b _", "duplicate directive: 15"),
            ("default a _ DEFAULT b _", "duplicate directive: DEFAULT"),
            ("TERM a", "unterminated internal block"),
        ] {
            assert_eq!(parsed(text), Err(reason.to_owned()));
        }
    }
}
