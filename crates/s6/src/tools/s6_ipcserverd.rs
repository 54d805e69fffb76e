//! `s6-ipcserverd`: accepts connections on its standard input and runs a program for each of them.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{SocketAddrUnix, SocketFlags, acceptfrom_with};
use rustix::process::Pid;
use rustix::stdio::stdin;
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use sys::process::{Ended, kill, reap};
use sys::signal::{self, Set, SignalFd};
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Setup, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-ipcserverd",
    summary: "run a program for each connection to a listening Unix socket",
    operands: "prog...",
    options: &[
        Opt::flag('1', "write a newline to standard output when ready"),
        Opt::value('v', "verbosity", "0: quiet, 1: normal, 2: verbose"),
        Opt::flag('P', "don't look up who the client is"),
        Opt::flag('p', "look up who the client is (default)"),
        Opt::value('c', "maxconn", "so many connections at once; default 40"),
        Opt::value('C', "localmaxconn", "so many connections of one user at once; default 40"),
    ],
    role: Role::Stay,
    main,
};

/// More connections than this can't be asked for.
const MOST: u32 = 1000;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = options.number('v')?.unwrap_or(1);
    let most = options.number('c')?.unwrap_or(40).clamp(1, MOST);
    let lookup = options.last_of("pP") != Some('P');
    let most_of_one = if lookup { options.number('C')?.unwrap_or(40).min(most) } else { most };
    let argv = call.take_args();
    if argv.first().is_none_or(Vec::is_empty) {
        return Err(Fatal::usage());
    }
    let st = fstat(stdin()).or_unable(|| "stat standard input")?;
    if !FileType::from_raw_mode(st.st_mode).is_socket() {
        return Err(Fatal::user("standard input is no socket"));
    }
    let notify = options.has('1');
    if notify && !sys::fd::is_open(1) {
        return Err(Fatal::user("standard output is closed"));
    }
    // Nothing but a diagnostic is written from here on; its failure kills nobody.
    signal::set_interrupting(signal::PIPE).or_unable(|| "catch SIGPIPE")?;
    let caught = [signal::CHLD, signal::TERM, signal::HUP, signal::QUIT, signal::ABRT];
    let mask = signal::block(&Set::empty());
    let signals = SignalFd::new(&Set::of(&caught)).or_unable(|| "make a signal descriptor")?;
    let mut server =
        Server { call, argv, verbosity, lookup, most, most_of_one, mask, signals, clients: HashMap::new() };
    server.info("starting");
    if notify {
        rustix::io::write(rustix::stdio::stdout(), b"\n").or_unable(|| "notify")?;
    }
    sys::fd::close(1);
    while server.turn()? {}
    server.info("exiting");
    Ok(Next::SUCCESS)
}

struct Server<'a> {
    call: &'a Call,
    argv: Vec<Vec<u8>>,
    verbosity: u32,
    lookup: bool,
    most: u32,
    most_of_one: u32,
    mask: Set,
    signals: SignalFd,
    /// Each connection's process and user.
    clients: HashMap<Pid, u32>,
}

impl Server<'_> {
    fn info(&self, text: &str) {
        if self.verbosity >= 2 {
            self.call.info(text);
        }
    }

    fn warn(&self, text: &str) {
        if self.verbosity >= 1 {
            self.call.warn(text);
        }
    }

    /// Waits once and does what there is to do; `false` at the end.
    fn turn(&mut self) -> Result<bool, Fatal> {
        let room = self.clients.len() < self.most as usize;
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if room {
            fds.push(PollFd::from_borrowed_fd(stdin(), PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(true),
            Err(e) => return Err(Fatal::unable("poll", e)),
        }
        let [signaled, connected] = [0, 1].map(|i| fds.get(i).is_some_and(|fd| !fd.revents().is_empty()));
        if signaled {
            return self.take_signals();
        }
        if connected {
            self.accept()?;
        }
        Ok(true)
    }

    fn take_signals(&mut self) -> Result<bool, Fatal> {
        let mut go_on = true;
        while let Some(number) = self.signals.read().or_unable(|| "read signals")? {
            match number {
                signal::CHLD => self.reap()?,
                signal::TERM => go_on = false,
                signal::HUP => self.kill_all(&[signal::TERM, signal::CONT]),
                signal::QUIT => {
                    self.kill_all(&[signal::TERM, signal::CONT]);
                    go_on = false;
                }
                _ => {
                    self.kill_all(&[signal::KILL]);
                    go_on = false;
                }
            }
        }
        Ok(go_on)
    }

    fn kill_all(&self, signals: &[signal::Signal]) {
        for number in signals {
            for pid in self.clients.keys() {
                let _ = kill(*pid, *number);
            }
        }
    }

    fn reap(&mut self) -> Result<(), Fatal> {
        loop {
            match reap() {
                Ok(Some((pid, how))) => {
                    if let Some(uid) = self.clients.remove(&pid) {
                        let how = match how {
                            Ended::Exited(code) => format!("exitcode {code}"),
                            Ended::Killed(number) => format!("signal {number}"),
                        };
                        self.info(&format!("end pid {} uid {uid} {how}", pid.as_raw_nonzero()));
                        self.status();
                    }
                }
                Ok(None) | Err(Errno::CHILD) => return Ok(()),
                Err(e) => return Err(Fatal::unable("wait for a child", e)),
            }
        }
    }

    fn status(&self) {
        self.info(&format!("status: {}/{}", self.clients.len(), self.most));
    }

    fn accept(&mut self) -> Result<(), Fatal> {
        let (socket, from) = match acceptfrom_with(stdin(), SocketFlags::CLOEXEC) {
            Ok(accepted) => accepted,
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return Ok(()),
            // Tried again when a connection has ended, which gives descriptors back.
            Err(e @ (Errno::MFILE | Errno::NFILE)) if !self.clients.is_empty() => {
                self.warn(&format!("unable to accept: {}", sys::strerror(e)));
                let _ = poll(&mut [PollFd::new(&self.signals, PollFlags::IN)], None);
                return Ok(());
            }
            Err(e) => return Err(Fatal::unable("accept", e)),
        };
        let from = from.and_then(|from| SocketAddrUnix::try_from(from).ok());
        let path = from.and_then(|from| from.path().map(|p| p.to_bytes().to_vec())).unwrap_or_default();
        self.connection(&socket, &path);
        Ok(())
    }

    fn connection(&mut self, socket: &OwnedFd, path: &[u8]) {
        let who = match self.lookup.then(|| socket_peercred(socket)).transpose() {
            Ok(who) => who.map(|c| (c.uid.as_raw(), c.gid.as_raw())),
            Err(e) => {
                self.warn(&format!("unable to look up the client: {}", sys::strerror(e)));
                return;
            }
        };
        let uid = who.map_or(0, |(uid, _)| uid);
        let number = self.clients.values().filter(|u| **u == uid).count();
        if number >= self.most_of_one as usize {
            self.warn(&format!("deny uid {uid} count {number}/{}", self.most_of_one));
            return;
        }
        let env = environment(&self.call.env, who, number, path);
        let fds = [(socket.as_fd(), 0), (socket.as_fd(), 1)];
        let own = [self.signals.as_fd(), socket.as_fd()];
        let setup = Setup { fds: &fds, own: &own, mask: Some(self.mask) };
        match tool::try_spawn(self.call, self.argv.clone(), env, &setup) {
            Err(e) => {
                let name = self.argv.first().map(|a| diag::show(a)).unwrap_or_default();
                self.warn(&format!("unable to spawn {name}: {}", sys::strerror(e)));
            }
            Ok(pid) => {
                self.clients.insert(pid, uid);
                let pid = pid.as_raw_nonzero();
                self.info(&format!("allow uid {uid} pid {pid} count {}/{}", number + 1, self.most_of_one));
                self.status();
            }
        }
    }
}

/// What the program learns about its client.
fn environment(own: &Env, who: Option<(u32, u32)>, number: usize, path: &[u8]) -> Env {
    let mut env = own.clone();
    env.set(b"PROTO", b"IPC");
    match who {
        Some((uid, gid)) => {
            env.set(b"IPCREMOTEEUID", uid.to_string().as_bytes());
            env.set(b"IPCREMOTEEGID", gid.to_string().as_bytes());
            env.set(b"IPCCONNNUM", number.to_string().as_bytes());
        }
        None => {
            env.unset(b"IPCREMOTEEUID");
            env.unset(b"IPCREMOTEEGID");
            env.set(b"IPCCONNNUM", b"");
        }
    }
    env.set(b"IPCREMOTEPATH", path);
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_about_an_unknown_client() {
        let own = Env::from_vars(vec![b"IPCREMOTEEUID=0".to_vec()]);
        assert_eq!(environment(&own, None, 3, b"").get(b"IPCREMOTEEUID"), None);
        let env = environment(&own, Some((7, 8)), 3, b"x");
        let values = ["PROTO", "IPCREMOTEEUID", "IPCREMOTEEGID", "IPCCONNNUM", "IPCREMOTEPATH"];
        let values = values.map(|n| diag::show(env.get(n.as_bytes()).unwrap_or(b"?")));
        assert_eq!(values, ["IPC", "7", "8", "3", "x"]);
    }
}
