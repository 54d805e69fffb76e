//! The accept loop of super-servers: a program for each connection to the listening socket on standard input.
//!
//! [`serve`] is the loop for any stream protocol; a [`Protocol`] identifies a client and describes it to its program.
//! `s6-ipcserverd` and `s6-tcpserverd` are front ends.
//!
//! Invariants:
//! - At most `limit` programs run at once; while that many run, new connections wait in the socket's queue, and none
//!   is lost.  At most `origin_limit` of them serve one origin; a further connection from there is closed.
//! - The loop waits for events only, never for a client: the listening socket is put into non-blocking mode.
//! - If descriptors, memory or processes run out, connections wait until a program has ended or a back-off is over
//!   ([`BackOff`]); the first failure of a series is reported.
//! - Children are reaped as they end.  SIGTERM ends the server, SIGHUP sends SIGTERM and SIGCONT to all programs,
//!   SIGQUIT does both, SIGABRT kills all programs and ends the server.  The socket itself stays as it is, so another
//!   process that holds it accepts the connections that were still waiting.

use crate::back_off::{BackOff, is_exhaustion, is_no_listener};
use crate::diagnostics::Diagnostics;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};
use rustix::process::Pid;
use rustix::stdio::stdin;
use std::fmt::Display;
use std::os::fd::{AsFd, OwnedFd};
use sys::process::{Ended, kill, reap};
use sys::signal::{self, Set, SignalFd};
use tool::clock;
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Setup, diag};

/// How a super-server deals with its kind of clients.
pub trait Protocol {
    /// A client; its text stands in the log.
    type Client: Display;
    /// What connections are counted by, such as a user or an address; its text stands in the log.
    type Origin: Eq + Display;

    /// The client of a new connection; `from` is the address that accept(2) gave.
    ///
    /// # Errors
    /// What could not be done, as in `look up the client`, and why: the connection is closed.
    fn client(&self, socket: &OwnedFd, from: Option<SocketAddrAny>) -> Result<Self::Client, (String, Errno)>;

    /// The origin of a client.
    fn origin(&self, client: &Self::Client) -> Self::Origin;

    /// Sets the variables that describe the client to its program; `number` connections of its origin were open before
    /// this one.
    fn describe(&self, client: &Self::Client, number: usize, env: &mut Env);
}

/// How a super-server works.
#[derive(Debug)]
pub struct Settings {
    /// The program of a connection.
    pub argv: Vec<Vec<u8>>,
    /// 0: fatal errors only, 1: warnings too, 2: every connection.
    pub verbosity: u32,
    /// The limit of programs at once, at least 1.
    pub limit: usize,
    /// The limit of programs for one origin.
    pub origin_limit: usize,
    /// What is written to standard output when clients can connect.
    pub notification: Option<Vec<u8>>,
}

/// Serves connections until a signal ends it.
///
/// # Errors
/// Code 100: no program, standard input is no socket, or standard output is closed though the server is to notify on it;
/// 111: the system failed.
pub fn serve<P: Protocol>(call: &mut Call, protocol: P, settings: Settings) -> Outcome {
    if settings.argv.first().is_none_or(Vec::is_empty) {
        return Err(Fatal::usage());
    }
    let st = sys::fs::fstat(stdin()).or_unable(|| "stat standard input")?;
    if !FileType::from_raw_mode(st.st_mode).is_socket() {
        return Err(Fatal::user("standard input is no socket"));
    }
    if settings.notification.is_some() && !sys::fd::is_open(1) {
        return Err(Fatal::user("standard output is closed"));
    }
    rustix::io::ioctl_fionbio(stdin(), true).or_unable(|| "put the socket into non-blocking mode")?;
    // Only diagnostics are written from here on; a closed standard error doesn't end the server.
    signal::set_interrupting(signal::PIPE).or_unable(|| "catch SIGPIPE")?;
    let caught = [signal::CHLD, signal::TERM, signal::HUP, signal::QUIT, signal::ABRT];
    let mask = signal::block(&Set::empty());
    let signals = SignalFd::new(&Set::of(&caught)).or_unable(|| "make a signal descriptor")?;
    let mut server = Server {
        call,
        diagnostics: Diagnostics { call, verbosity: settings.verbosity },
        protocol,
        settings,
        mask,
        signals,
        programs: Vec::new(),
        next: None,
        back_off: BackOff::default(),
    };
    server.diagnostics.info(|| String::from("starting"));
    if let Some(text) = server.settings.notification.take() {
        rustix::io::write(rustix::stdio::stdout(), &text).or_unable(|| "notify")?;
    }
    sys::fd::close(1);
    while server.turn()? {}
    server.diagnostics.info(|| String::from("exiting"));
    Ok(Next::SUCCESS)
}

struct Server<'a, P: Protocol> {
    call: &'a Call,
    diagnostics: Diagnostics<'a>,
    protocol: P,
    settings: Settings,
    mask: Set,
    signals: SignalFd,
    /// The running programs, and the origins that they serve.
    programs: Vec<(Pid, P::Origin)>,
    /// A connection whose program couldn't be started because a resource was exhausted.
    next: Option<(OwnedFd, P::Client)>,
    /// No connection is accepted while it lasts, unless a program ends.
    back_off: BackOff,
}

impl<P: Protocol> Server<'_, P> {
    /// Waits once and handles the events; `false` when the server is to exit.
    fn turn(&mut self) -> Result<bool, Fatal> {
        let until = self.back_off.until(clock::now());
        let room = until.is_none() && self.programs.len() < self.settings.limit;
        if room && let Some((socket, client)) = self.next.take() {
            self.start(socket, client);
            return Ok(true);
        }
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if room {
            fds.push(PollFd::from_borrowed_fd(stdin(), PollFlags::IN));
        }
        clock::poll_until(&mut fds, until).or_unable(|| "poll")?;
        let [signaled, connected] = [0, 1].map(|i| fds.get(i).is_some_and(|fd| !fd.revents().is_empty()));
        if signaled && !self.take_signals()? {
            return Ok(false);
        }
        if connected {
            self.accept()?;
        }
        Ok(true)
    }

    fn take_signals(&mut self) -> Result<bool, Fatal> {
        let mut continues = true;
        while let Some(number) = self.signals.read().or_unable(|| "read signals")? {
            match number {
                signal::CHLD => self.reap()?,
                signal::TERM => continues = false,
                signal::HUP => self.kill_all(&[signal::TERM, signal::CONT]),
                signal::QUIT => {
                    self.kill_all(&[signal::TERM, signal::CONT]);
                    continues = false;
                }
                _ => {
                    self.kill_all(&[signal::KILL]);
                    continues = false;
                }
            }
        }
        Ok(continues)
    }

    fn kill_all(&self, signals: &[signal::Signal]) {
        for number in signals {
            for (pid, _) in &self.programs {
                let _ = kill(*pid, *number);
            }
        }
    }

    fn reap(&mut self) -> Result<(), Fatal> {
        loop {
            match reap() {
                Ok(Some((pid, how))) => self.ended(pid, how),
                Ok(None) | Err(Errno::CHILD) => return Ok(()),
                Err(e) => return Err(Fatal::unable("wait for a child", e)),
            }
        }
    }

    fn ended(&mut self, pid: Pid, how: Ended) {
        let Some(at) = self.programs.iter().position(|(p, _)| *p == pid) else { return };
        let (_, origin) = self.programs.swap_remove(at);
        // It has released its resources.
        self.back_off.end();
        self.diagnostics.info(|| {
            let how = match how {
                Ended::Exited(code) => format!("exitcode {code}"),
                Ended::Killed(number) => format!("signal {number}"),
            };
            format!("end pid {} {origin} {how}", pid.as_raw_nonzero())
        });
        self.status();
    }

    fn status(&self) {
        self.diagnostics.info(|| format!("status: {}/{}", self.programs.len(), self.settings.limit));
    }

    /// Accepts no connection for a while; reports why, if this is the first failure of a series.
    fn back_off(&mut self, to_do: &str, e: Errno) {
        if self.back_off.begin(clock::now()) {
            self.diagnostics.warn(|| format!("unable to {to_do}: {}; connections wait", sys::strerror(e)));
        }
    }

    fn accept(&mut self) -> Result<(), Fatal> {
        let (socket, from) = match acceptfrom_with(stdin(), SocketFlags::CLOEXEC) {
            Ok(accepted) => accepted,
            Err(e) if is_no_listener(e) => return Err(Fatal::unable("accept", e)),
            Err(e) if is_exhaustion(e) => {
                self.back_off("accept", e);
                return Ok(());
            }
            // The client is gone, or the network has dropped this connection: accept(2).
            Err(_) => return Ok(()),
        };
        match self.protocol.client(&socket, from) {
            Ok(client) => self.start(socket, client),
            Err((to_do, e)) => self.diagnostics.warn(|| format!("unable to {to_do}: {}", sys::strerror(e))),
        }
        Ok(())
    }

    /// Starts the program of a connection.
    fn start(&mut self, socket: OwnedFd, client: P::Client) {
        let origin = self.protocol.origin(&client);
        let number = self.programs.iter().filter(|(_, o)| *o == origin).count();
        let limit = self.settings.origin_limit;
        if number >= limit {
            self.diagnostics.warn(|| format!("deny {client} count {number}/{limit}"));
            return;
        }
        let mut env = self.call.env.clone();
        self.protocol.describe(&client, number, &mut env);
        let fds = [(socket.as_fd(), 0), (socket.as_fd(), 1)];
        let private = [self.signals.as_fd(), socket.as_fd()];
        let setup = Setup { fds: &fds, private: &private, mask: Some(self.mask) };
        match tool::try_spawn(self.call, self.settings.argv.clone(), env, &setup) {
            Err(e) => {
                let name = self.settings.argv.first().cloned().unwrap_or_default();
                // `AGAIN`: no more processes.
                if is_exhaustion(e) || e == Errno::AGAIN {
                    self.back_off(&format!("spawn {}", diag::show(&name)), e);
                    self.next = Some((socket, client));
                } else {
                    self.diagnostics.warn(|| tool::unable_to_spawn(&name, e).message().to_owned());
                }
            }
            Ok(pid) => {
                self.back_off.end_series();
                self.diagnostics.info(|| {
                    let pid = pid.as_raw_nonzero();
                    format!("allow {client} pid {pid} count {}/{limit}", number + 1)
                });
                self.programs.push((pid, origin));
                self.status();
            }
        }
    }
}
