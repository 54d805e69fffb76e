//! Runs an application on the plaintext side of a relay: pipes, processes and variables around `s6-tlsc-io` and
//! `s6-tlsd-io`.

use crate::client::{CERTIFICATE, NO_CERTIFICATE, NO_VERIFICATION, NO_VERIFY_CERT, SERVER_NAME};
use crate::report;
use crate::server::{REQUEST_CERTIFICATE, REQUIRE_CERTIFICATE, SNI_LEVEL};
use crate::session::{
    ACCEPT_TRUNCATION, NO_CLOSE_NOTIFY, REQUIRE_CLOSE_NOTIFY, SEND_CLOSE_NOTIFY, TIMEOUT, VERBOSITY,
};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use sys::process::{Fork, fork, wait_for};
use tool::{Call, Env, Fatal, Next, Opt, Options, OrUnable, Outcome, Setup};
use wire::number;

/// The options of the application's side.
pub(crate) const KEEP: Opt = Opt::flag('Z', "leave the variables about TLS in the environment").long("keep");
pub(crate) const CLEAN: Opt =
    Opt::flag('z', "remove the variables about TLS from the environment (default)").long("no-keep");
const READ: Opt = Opt::value('6', "fdr", "the descriptor to read from the network; default 6").long("fdr");
const WRITE: Opt = Opt::value('7', "fdw", "the descriptor to write to the network; default 7").long("fdw");
/// The options of a program that starts a client's relay.
pub(crate) const CLIENT: &[Opt] = &[
    SEND_CLOSE_NOTIFY,
    NO_CLOSE_NOTIFY,
    REQUIRE_CLOSE_NOTIFY,
    ACCEPT_TRUNCATION,
    NO_CERTIFICATE,
    CERTIFICATE,
    KEEP,
    CLEAN,
    VERBOSITY,
    TIMEOUT,
    SERVER_NAME,
    READ,
    WRITE,
    NO_VERIFICATION,
];
/// The options of a program that starts a server's relay.
pub(crate) const SERVER: &[Opt] = &[
    SEND_CLOSE_NOTIFY,
    NO_CLOSE_NOTIFY,
    REQUIRE_CLOSE_NOTIFY,
    ACCEPT_TRUNCATION,
    REQUEST_CERTIFICATE,
    REQUIRE_CERTIFICATE,
    KEEP,
    CLEAN,
    VERBOSITY,
    TIMEOUT,
    SNI_LEVEL,
];

/// Which side of TLS an application is on, and its descriptors for the network.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// A client: the descriptors to read and to write.
    Client(RawFd, RawFd),
    /// A server, on standard input and output.
    Server,
}

impl Side {
    /// A client's side, from its options.
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

    /// The application's descriptors for the network: read, write.
    fn descriptors(self) -> (RawFd, RawFd) {
        match self {
            Self::Client(fdr, fdw) => (fdr, fdw),
            Self::Server => (0, 1),
        }
    }

    /// The relay's command line; `plaintext` are its ends of the pipes, `notification` is where it reports.
    fn command(
        self,
        options: &Options,
        plaintext: (RawFd, RawFd),
        notification: Option<RawFd>,
    ) -> Vec<Vec<u8>> {
        let mut argv = vec![tool::tool_file(self.program())];
        argv.extend(relay_options(options));
        let word = |fd: RawFd| fd.to_string().into_bytes();
        if let Some(fd) = notification {
            argv.extend([b"-d".to_vec(), word(fd)]);
        }
        let (fdr, fdw) = match self {
            Self::Client(fdr, fdw) => (fdr, fdw),
            Self::Server => plaintext,
        };
        argv.extend([b"--".to_vec(), word(fdr), word(fdw)]);
        argv
    }
}

/// The options that an application passes to its relay, as they were given.
fn relay_options(options: &Options) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    for (letter, value) in options.iter() {
        match letter {
            'S' | 's' | 'J' | 'j' | 'Y' | 'y' => words.push(format!("-{letter}").into_bytes()),
            'v' | 'K' | 'k' => words.extend([format!("-{letter}").into_bytes(), value.to_vec()]),
            NO_VERIFY_CERT => words.push(b"--no-verify-cert".to_vec()),
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

/// Starts a relay, waits for the handshake, and executes the application.
pub(crate) fn immediately(call: &mut Call, options: &Options, side: Side) -> Outcome {
    check(call, options, side)?;
    let pipes = pipes()?;
    let (report_reader, report_writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "make a pipe")?;
    let inner = (&pipes.inner.0, &pipes.inner.1);
    let argv =
        side.command(options, (inner.0.as_raw_fd(), inner.1.as_raw_fd()), Some(report_writer.as_raw_fd()));
    let (plaintext_in, plaintext_out) = match side {
        Side::Client(..) => (0, 1),
        Side::Server => (inner.0.as_raw_fd(), inner.1.as_raw_fd()),
    };
    let fds = [
        (inner.0.as_fd(), plaintext_in),
        (inner.1.as_fd(), plaintext_out),
        (report_writer.as_fd(), report_writer.as_raw_fd()),
    ];
    let private: Vec<BorrowedFd<'_>> = vec![
        pipes.outer.0.as_fd(),
        pipes.outer.1.as_fd(),
        report_reader.as_fd(),
        inner.0.as_fd(),
        inner.1.as_fd(),
    ];
    let name = side.program().as_bytes();
    let setup = Setup { fds: &fds, private: &private, mask: None };
    let pid =
        tool::try_spawn(call, argv, call.env.clone(), &setup).map_err(|e| tool::unable_to_spawn(name, e))?;
    drop((pipes.inner, report_writer));
    // The pipes replace the network, which is the relay's alone.
    let (fdr, fdw) = side.descriptors();
    let place = || {
        let outer = (pipes.outer.0, pipes.outer.1);
        let aside = sys::fd::duplicate(outer.1.as_raw_fd(), fdr.max(fdw).saturating_add(1))?;
        drop(outer.1);
        sys::fd::place(outer.0, fdr)?;
        sys::fd::place(aside, fdw)
    };
    place().or_unable(|| "put the pipes into the network's place")?;
    let report = read_report(&report_reader)?;
    if report.is_empty() {
        // The relay has reported its failure.
        let ended = wait_for(pid).or_unable(|| "wait for the relay")?;
        return Ok(Next::Exit(ended.code()));
    }
    let mut env = call.take_env();
    clean(options, &mut env);
    report::apply(&report, &mut env);
    Next::run(call.take_args(), env)
}

/// Refuses an invalid command line before anything is started.
fn check(call: &Call, options: &Options, side: Side) -> Result<(), Fatal> {
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    options.number::<u32>('v')?;
    options.number::<u32>('K')?;
    if let Side::Server = side {
        options.number::<u32>('k')?;
    }
    let (fdr, fdw) = side.descriptors();
    match [fdr, fdw].into_iter().find(|fd| !sys::fd::is_open(*fd)) {
        Some(fd) => Err(Fatal::user(format_args!("descriptor {fd} is not open"))),
        None => Ok(()),
    }
}

/// Reads a relay's report; empty if the relay ended without one.
fn read_report(from: &OwnedFd) -> Result<Vec<u8>, Fatal> {
    let mut report = Vec::new();
    while !report::is_complete(&report) && report.len() <= report::MAX_REPORT {
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

/// Removes the variables for the relay from the environment, unless `-Z` keeps them.
fn clean(options: &Options, env: &mut Env) {
    if options.last_of("zZ") == Some('Z') {
        return;
    }
    let names: [&[u8]; 6] = [b"CADIR", b"CAFILE", b"CERTFILE", b"KEYFILE", b"TLS_UID", b"TLS_GID"];
    let is_for_relay = |name: &[u8]| {
        names.contains(&name) || name.starts_with(b"CERTFILE:") || name.starts_with(b"KEYFILE:")
    };
    let for_relay: Vec<Vec<u8>> =
        env.iter().map(|(name, _)| name.to_vec()).filter(|name| is_for_relay(name)).collect();
    for_relay.iter().for_each(|name| env.unset(name));
}

/// Executes the application; a child becomes the relay when the application requests it (UCSPI-TLS).
pub(crate) fn on_demand(call: &mut Call, options: &Options, side: Side) -> Outcome {
    check(call, options, side)?;
    let pipes = pipes()?;
    let (application_end, relay_end) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .or_unable(|| "make a socket pair")?;
    if let Fork::Child = fork().or_unable(|| "fork")? {
        drop((pipes.outer, application_end));
        return become_relay(call, options, side, pipes.inner, relay_end);
    }
    drop((pipes.inner, relay_end));
    let mut env = call.take_env();
    clean(options, &mut env);
    for (name, fd) in
        [("SSLCTLFD", application_end), ("SSLREADFD", pipes.outer.0), ("SSLWRITEFD", pipes.outer.1)]
    {
        let number = fd.as_raw_fd();
        env.set(name.as_bytes(), number.to_string().as_bytes());
        sys::fd::place(fd, number).or_unable(|| "pass a descriptor to the application")?;
    }
    Next::run(call.take_args(), env)
}

/// In the child: waits for a command, `y`, or `Y` for a relay that reports.
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
        sys::fd::place(control, number).or_unable(|| "pass the control socket to the relay")?;
    } else {
        drop(control);
    }
    let (plaintext_in, plaintext_out) = match side {
        Side::Client(..) => (0, 1),
        Side::Server => (inner.0.as_raw_fd(), inner.1.as_raw_fd()),
    };
    sys::fd::place(inner.0, plaintext_in)
        .and_then(|()| sys::fd::place(inner.1, plaintext_out))
        .or_unable(|| "pass the pipes to the relay")?;
    let env = call.take_env();
    Next::run(argv, env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relay_s_variables_are_removed() {
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

    fn options(words: &str, defined: &[Opt]) -> Options {
        let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
        Options::take(defined, &mut args).unwrap()
    }

    #[test]
    fn a_client_s_network_is_descriptors_6_and_7_and_a_server_s_0_and_1() {
        let descriptors =
            |words: &str| Side::client(&options(words, CLIENT)).map(Side::descriptors).map_err(|e| e.code());
        assert_eq!(descriptors(""), Ok((6, 7)));
        assert_eq!(descriptors("-6 8 -7 9"), Ok((8, 9)));
        assert_eq!(descriptors("-6 2"), Err(100));
        assert_eq!(descriptors("-7 x"), Err(100));
        assert_eq!(Side::Server.descriptors(), (0, 1));
    }

    #[test]
    fn the_relay_gets_its_options_and_descriptors() {
        let command = |side: Side, words: &str, notification| {
            let defined = if matches!(side, Side::Server) { SERVER } else { CLIENT };
            let argv = side.command(&options(words, defined), (10, 11), notification);
            argv.iter().map(|w| tool::diag::shown(w)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(command(Side::Client(6, 7), "-Z", None), "s6-tlsc-io -- 6 7");
        assert_eq!(
            command(Side::Client(8, 9), "-SJy -v 2 -K 5 -k name --no-verify-cert", Some(12)),
            "s6-tlsc-io -S -J -y -v 2 -K 5 -k name --no-verify-cert -d 12 -- 8 9"
        );
        assert_eq!(
            command(Side::Server, "-sjY -k 1 -z", Some(12)),
            "s6-tlsd-io -s -j -Y -k 1 -d 12 -- 10 11"
        );
    }
}
