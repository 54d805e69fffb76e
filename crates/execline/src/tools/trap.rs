//! `trap`: runs a program, and others when signals arrive.

use crate::blocks::Blocks;
use crate::child::approximate;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use sys::process::reap;
use sys::signal::{self, Set, Signal, SignalFd};
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Setup, Tool, diag, unable_to_spawn};

pub static TOOL: Tool = Tool {
    name: "trap",
    summary: "run a program, and others when signals arrive",
    operands: "{ [ signal { handler... } ]... } prog...",
    options: &[Opt::flag('x', "pass signals without a handler on to prog")],
    role: Role::Stay,
    main,
};

type Argv = Vec<Vec<u8>>;

/// What is run for which signal.
#[derive(Debug, Default, PartialEq, Eq)]
struct Handlers {
    of: BTreeMap<Signal, Argv>,
    default: Option<Argv>,
}

impl Handlers {
    fn get(&self, signal: Signal) -> Option<&Argv> {
        self.of.get(&signal).or(self.default.as_ref())
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
        (1..=64).filter(|s| trappable(*s) && (all || handlers.of.contains_key(s))).collect();
    let mask = signal::block(&Set::empty());
    // Ignored, it would let children vanish without a trace.  Other ignored signals arrive all the same while they
    // are blocked, and stay ignored in children.
    signal::set_default(signal::CHLD).or_unable(|| "reset SIGCHLD")?;
    let mut set = caught;
    set.push(signal::CHLD);
    let signals = SignalFd::new(&Set::of(&set)).or_unable(|| "trap signals")?;
    let own = [signals.as_fd()];
    let setup = Setup { fds: &[], own: &own, mask: Some(mask) };
    let prog =
        tool::try_spawn(call, argv, call.env.clone(), &setup).map_err(|e| unable_to_spawn(&name, e))?;
    let mut running: BTreeMap<Signal, Pid> = BTreeMap::new();
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
            if !running.contains_key(&signal) && !handler.is_empty() {
                let env = environment(call, prog, signal);
                let name = handler.first().cloned().unwrap_or_default();
                let pid = tool::try_spawn(call, handler.clone(), env, &setup)
                    .map_err(|e| unable_to_spawn(&name, e))?;
                running.insert(signal, pid);
            }
        }
    }
}

/// What a handler finds: the program's process id in `!`, the signal's number in `SIGNAL`.
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
            None => return Err(Fatal::user(format!("unrecognized directive: {shown}"))),
            Some(n) if !trappable(n) => return Err(Fatal::user(format!("{shown} cannot be trapped"))),
            some => some,
        };
        let argv = blocks.take(&mut words, "internal")?;
        let before = match signal {
            Some(n) => handlers.of.insert(n, argv),
            None => handlers.default.replace(argv),
        };
        if before.is_some() {
            return Err(Fatal::user(format!("duplicate directive: {shown}")));
        }
    }
    Ok(handlers)
}
