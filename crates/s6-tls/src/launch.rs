//! An application on the clear side of a relay: pipes, processes and variables around `s6-tlsc-io` and `s6-tlsd-io`.

use crate::client::{ANY_SERVER, BELIEVE, CERTIFICATE, NO_CERTIFICATE, SERVER_NAME};
use crate::report;
use crate::server::{ASK, DEMAND, SNI_LEVEL};
use crate::session::{J, NO_J, NO_S, S, TIMEOUT, VERBOSITY};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use sys::process::{Fork, fork, wait_for};
use tool::{Call, Env, Fatal, Next, Opt, Options, OrUnable, Outcome, Setup};
use wire::number;

/// The options of the applications' side.
pub(crate) const KEEP: Opt = Opt::flag('Z', "leave the variables about TLS in the environment").long("keep");
pub(crate) const CLEAN: Opt = Opt::flag('z', "remove them (default)").long("no-keep");
const READ: Opt = Opt::value('6', "fdr", "read from the network here; default 6").long("fdr");
const WRITE: Opt = Opt::value('7', "fdw", "write to the network there; default 7").long("fdw");
/// All options of a program that starts a client's relay.
pub(crate) const CLIENT: &[Opt] = &[
    S,
    NO_S,
    J,
    NO_J,
    NO_CERTIFICATE,
    CERTIFICATE,
    KEEP,
    CLEAN,
    VERBOSITY,
    TIMEOUT,
    SERVER_NAME,
    READ,
    WRITE,
    ANY_SERVER,
];
/// All options of a program that starts a server's relay.
pub(crate) const SERVER: &[Opt] =
    &[S, NO_S, J, NO_J, ASK, DEMAND, KEEP, CLEAN, VERBOSITY, TIMEOUT, SNI_LEVEL];

/// Which side of TLS an application is on, and where it finds the network.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// A client; the numbers of its descriptors.
    Client(RawFd, RawFd),
    /// A server, on standard input and output.
    Server,
}

impl Side {
    /// A client's side, by its options.
    pub(crate) fn client(options: &Options) -> Result<Self, Fatal> {
        let fd = |letter, default| match options.get(letter) {
            None => Ok(default),
            Some(word) => number::decimal::<RawFd>(word).filter(|fd| *fd > 2).ok_or_else(Fatal::usage),
        };
        Ok(Self::Client(fd('6', 6)?, fd('7', 7)?))
    }

    fn program(self) -> &'static str {
        match self {
            Self::Client(..) => "s6-tlsc-io",
            Self::Server => "s6-tlsd-io",
        }
    }

    /// Where the application finds the network.
    fn numbers(self) -> (RawFd, RawFd) {
        match self {
            Self::Client(fdr, fdw) => (fdr, fdw),
            Self::Server => (0, 1),
        }
    }

    /// The relay's command line; `clear` are its ends of the pipes, `notification` where it reports.
    fn command(self, options: &Options, clear: (RawFd, RawFd), notification: Option<RawFd>) -> Vec<Vec<u8>> {
        let mut argv = vec![tool::own_file(self.program())];
        argv.extend(relay_options(options));
        let word = |fd: RawFd| fd.to_string().into_bytes();
        if let Some(fd) = notification {
            argv.extend([b"-d".to_vec(), word(fd)]);
        }
        let (fdr, fdw) = match self {
            Self::Client(fdr, fdw) => (fdr, fdw),
            Self::Server => clear,
        };
        argv.extend([b"--".to_vec(), word(fdr), word(fdw)]);
        argv
    }
}

/// Those of an application's options that are the relay's, as they were given.
fn relay_options(options: &Options) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    for (letter, value) in options.iter() {
        match letter {
            'S' | 's' | 'J' | 'j' | 'Y' | 'y' => words.push(format!("-{letter}").into_bytes()),
            'v' | 'K' | 'k' => words.extend([format!("-{letter}").into_bytes(), value.to_vec()]),
            BELIEVE => words.push(b"--no-verify-cert".to_vec()),
            _ => {}
        }
    }
    words
}

/// The pipes between an application and its relay.
struct Pipes {
    /// The application's ends: read, write.
    outer: (OwnedFd, OwnedFd),
    /// The relay's ends: read, write.
    inner: (OwnedFd, OwnedFd),
}

fn pipes() -> Result<Pipes, Fatal> {
    let pipe = || pipe_with(PipeFlags::CLOEXEC).or_unable(|| "make a pipe");
    let ((to_app, from_relay), (to_relay, from_app)) = (pipe()?, pipe()?);
    Ok(Pipes { outer: (to_app, from_app), inner: (to_relay, from_relay) })
}

/// Starts a relay, waits for the handshake, and goes on to the application.
pub(crate) fn immediately(call: &mut Call, options: &Options, side: Side) -> Outcome {
    check(call, options, side)?;
    let pipes = pipes()?;
    let (hear, tell) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "make a pipe")?;
    let inner = (&pipes.inner.0, &pipes.inner.1);
    let argv = side.command(options, (inner.0.as_raw_fd(), inner.1.as_raw_fd()), Some(tell.as_raw_fd()));
    let (clear_in, clear_out) = match side {
        Side::Client(..) => (0, 1),
        Side::Server => (inner.0.as_raw_fd(), inner.1.as_raw_fd()),
    };
    let fds = [(inner.0.as_fd(), clear_in), (inner.1.as_fd(), clear_out), (tell.as_fd(), tell.as_raw_fd())];
    let own: Vec<BorrowedFd<'_>> =
        vec![pipes.outer.0.as_fd(), pipes.outer.1.as_fd(), hear.as_fd(), inner.0.as_fd(), inner.1.as_fd()];
    let name = side.program().as_bytes();
    let setup = Setup { fds: &fds, own: &own, mask: None };
    let pid =
        tool::try_spawn(call, argv, call.env.clone(), &setup).map_err(|e| tool::unable_to_spawn(name, e))?;
    drop((pipes.inner, tell));
    // The network is the relay's alone.
    let (fdr, fdw) = side.numbers();
    let place = || {
        let outer = (pipes.outer.0, pipes.outer.1);
        let aside = sys::fd::duplicate(outer.1.as_raw_fd(), fdr.max(fdw).saturating_add(1))?;
        drop(outer.1);
        sys::fd::place(outer.0, fdr)?;
        sys::fd::place(aside, fdw)
    };
    place().or_unable(|| "put the pipes into the network's place")?;
    let report = hear_report(&hear)?;
    if report.is_empty() {
        // It said why itself.
        let ended = wait_for(pid).or_unable(|| "wait for the relay")?;
        return Ok(Next::Exit(ended.code()));
    }
    let mut env = call.take_env();
    clean(options, &mut env);
    report::apply(&report, &mut env);
    Next::run(call.take_args(), env)
}

/// Nothing is started for a command line that can't be right.
fn check(call: &Call, options: &Options, side: Side) -> Result<(), Fatal> {
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    options.number::<u32>('v')?;
    options.number::<u32>('K')?;
    if let Side::Server = side {
        options.number::<u32>('k')?;
    }
    let (fdr, fdw) = side.numbers();
    match [fdr, fdw].into_iter().find(|fd| !sys::fd::is_open(*fd)) {
        Some(fd) => Err(Fatal::user(format!("descriptor {fd} is not open"))),
        None => Ok(()),
    }
}

/// Reads a relay's report to its end; nothing if the relay ended instead.
fn hear_report(from: &OwnedFd) -> Result<Vec<u8>, Fatal> {
    let mut report = Vec::new();
    while !report::is_complete(&report) && report.len() <= report::LONGEST {
        let mut buf = [0; 4096];
        match rustix::io::read(from, &mut buf) {
            Err(Errno::INTR) => {}
            done => match done.or_unable(|| "read the relay's report")? {
                0 => return Ok(Vec::new()),
                n => report.extend(buf.iter().take(n)),
            },
        }
    }
    Ok(report)
}

/// Removes what is the relay's alone, unless it is to stay.
fn clean(options: &Options, env: &mut Env) {
    if options.last_of("zZ") == Some('Z') {
        return;
    }
    let names: [&[u8]; 6] = [b"CADIR", b"CAFILE", b"CERTFILE", b"KEYFILE", b"TLS_UID", b"TLS_GID"];
    let is_theirs = |name: &[u8]| {
        names.contains(&name) || name.starts_with(b"CERTFILE:") || name.starts_with(b"KEYFILE:")
    };
    let theirs: Vec<Vec<u8>> =
        env.iter().map(|(name, _)| name.to_vec()).filter(|name| is_theirs(name)).collect();
    theirs.iter().for_each(|name| env.unset(name));
}

/// Goes on to the application; a child becomes the relay when the application asks for it (UCSPI-TLS).
pub(crate) fn on_demand(call: &mut Call, options: &Options, side: Side) -> Outcome {
    check(call, options, side)?;
    let pipes = pipes()?;
    let (theirs, ours) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .or_unable(|| "make a socket pair")?;
    if let Fork::Child = fork().or_unable(|| "fork")? {
        drop((pipes.outer, theirs));
        return become_relay(call, options, side, pipes.inner, ours);
    }
    drop((pipes.inner, ours));
    let mut env = call.take_env();
    clean(options, &mut env);
    for (name, fd) in [("SSLCTLFD", theirs), ("SSLREADFD", pipes.outer.0), ("SSLWRITEFD", pipes.outer.1)] {
        let number = fd.as_raw_fd();
        env.set(name.as_bytes(), number.to_string().as_bytes());
        sys::fd::place(fd, number).or_unable(|| "hand a descriptor on")?;
    }
    Next::run(call.take_args(), env)
}

/// The child's part: waits for a command, `y` or, with a report, `Y`.
fn become_relay(
    call: &mut Call,
    options: &Options,
    side: Side,
    inner: (OwnedFd, OwnedFd),
    control: OwnedFd,
) -> Outcome {
    let verbose = options.number::<u32>('v')?.unwrap_or(1) >= 2;
    let mut command = [0];
    let n = loop {
        match rustix::io::read(&control, &mut command) {
            Err(Errno::INTR) => {}
            done => break done.or_unable(|| "read from the control socket")?,
        }
    };
    let reports = match (n, &command) {
        (0, _) => {
            if verbose {
                call.info("the application declined TLS");
            }
            return Ok(Next::SUCCESS);
        }
        (_, b"y") => false,
        (_, b"Y") => true,
        _ => return Err(Fatal::user("an unknown command came over the control socket")),
    };
    if verbose {
        call.info("the application asks for TLS");
    }
    let notification = reports.then(|| control.as_raw_fd());
    let argv = side.command(options, (inner.0.as_raw_fd(), inner.1.as_raw_fd()), notification);
    if reports {
        let _ = shutdown(&control, Shutdown::Read);
        let number = control.as_raw_fd();
        sys::fd::place(control, number).or_unable(|| "hand the control socket on")?;
    } else {
        drop(control);
    }
    let (clear_in, clear_out) = match side {
        Side::Client(..) => (0, 1),
        Side::Server => (inner.0.as_raw_fd(), inner.1.as_raw_fd()),
    };
    sys::fd::place(inner.0, clear_in)
        .and_then(|()| sys::fd::place(inner.1, clear_out))
        .or_unable(|| "hand the pipes on")?;
    let env = call.take_env();
    Next::run(argv, env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_relay_s_is_removed() {
        let vars =
            ["CADIR=a", "KEYFILE=b", "KEYFILE:x=c", "CERTFILE:*.y=d", "TLS_UID=1", "PATH=p", "KEYFILEX=e"];
        let of = |words: &[&str]| {
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            let options = Options::take(&[KEEP, CLEAN], &mut args).unwrap();
            let mut env = Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect());
            clean(&options, &mut env);
            env.vars().len()
        };
        assert_eq!((of(&[]), of(&["-Z"]), of(&["-Zz"])), (2, 7, 2));
    }
}
