//! The duty to answer over HTTP: a socket and its connections.
//!
//! There are at most [`CONNECTIONS_MAX`] connections; one more takes the place of the oldest, so that some that say nothing don't
//! keep probes out.  Each has [`TIME`] for all of it: its request, its response, and until the client closes it, which is waited
//! for since closing a connection with unread bytes may take the response from the client.

use super::Duty;
use super::answer::Site;
use super::http::{Parsed, parse, reason, response};
use overlay::environment::listen::Listen;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{AtFlags, CWD, FileType};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, accept_with, bind, connect,
    listen, recv, send, shutdown, socket_with, sockopt,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tool::clock::{self, Moment};

/// At most so many connections at once.
const CONNECTIONS_MAX: usize = 8;

/// How long a connection may take.
const TIME: Duration = Duration::from_secs(2);

/// How long process 1 may be in a system call without interruption before it counts as hanging; also, from a lack of
/// descriptors or memory for a connection to the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// So many connections may wait to be accepted.
const BACKLOG: i32 = 64;

/// Bytes that are read at once.
const READ_SIZE: usize = 2048;

/// The flags of all sockets.
const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// Makes a listening socket; `mode` is that of a Unix socket.
///
/// # Errors
/// `ADDRINUSE` if somebody listens there already, or if something is in the place of a Unix socket that isn't one that a former
/// attendant has left there.
pub(crate) fn open(place: &Listen, mode: u32) -> Result<OwnedFd, Errno> {
    let socket = match place {
        Listen::At(address) => at(*address)?,
        Listen::Everywhere(port) => match at(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), *port)) {
            // There is no IPv6 here.
            Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => {
                at(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), *port))?
            }
            done => done?,
        },
        Listen::Unix(path) => {
            if is_left_over(path) {
                sys::fs::unlink(path.as_slice())?;
            }
            let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
            ipc::unix_socket::bind_to(&socket, path, mode, false)?;
            socket
        }
    };
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// A socket that is bound to an address; one for all IPv6 addresses is for all IPv4 ones, too.
fn at(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, FLAGS, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    Ok(socket)
}

/// Whether a path is that of a socket of this user's that nobody listens on.
fn is_left_over(path: &[u8]) -> bool {
    let Ok(st) = sys::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) else { return false };
    if !FileType::from_raw_mode(st.st_mode).is_socket() || st.st_uid != rustix::process::geteuid().as_raw() {
        return false;
    }
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None);
    let tried = socket.and_then(|socket| connect(&socket, &ipc::unix_socket::address(path)?));
    tried == Err(Errno::CONNREFUSED)
}

/// The socket and its connections, the oldest one first.
pub(crate) struct Http {
    socket: OwnedFd,
    site: Site,
    connections: Vec<Connection>,
    /// Until then no connection is accepted, for lack of descriptors or memory.
    pause: Option<Moment>,
}

impl Http {
    /// Without connections.
    pub(crate) fn new(socket: OwnedFd, site: Site) -> Self {
        Self { socket, site, connections: Vec::new(), pause: None }
    }

    fn accept(&mut self, now: Moment) {
        for _ in 0..CONNECTIONS_MAX {
            match accept_with(&self.socket, FLAGS) {
                Ok(socket) => {
                    if self.connections.len() >= CONNECTIONS_MAX {
                        self.connections.remove(0);
                    }
                    self.connections.push(Connection::new(socket, now));
                }
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    self.pause = Some(now.saturating_add(PAUSE));
                    return;
                }
                Err(Errno::AGAIN) => return,
                // The client is gone, or the network has dropped this connection: accept(2).
                Err(_) => {}
            }
        }
    }
}

impl Duty for Http {
    fn wait<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) -> Option<Moment> {
        let wanted = if self.pause.is_none() { PollFlags::IN } else { PollFlags::empty() };
        fds.push(PollFd::new(&self.socket, wanted));
        fds.extend(self.connections.iter().map(|one| PollFd::new(&one.socket, one.stage.events())));
        self.connections.iter().map(Connection::due).chain(self.pause).min()
    }

    fn serve(&mut self, ready: &[bool]) {
        let now = clock::now();
        let mut ready = ready.iter().copied();
        let is_asked = ready.next().unwrap_or(false);
        self.pause = self.pause.filter(|at| *at > now);
        let site = &self.site;
        self.connections.retain_mut(|one| {
            let is_ready = ready.next().unwrap_or(false);
            one.until > now && one.step(is_ready, site, now)
        });
        if is_asked && self.pause.is_none() {
            self.accept(now);
        }
    }
}

/// What a connection is about.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The request comes.
    Reads,
    /// The answer needs another look, then.
    LooksAgain(Moment),
    /// The response goes; so much of it has gone.
    Writes(usize),
    /// The client closes it.
    Lingers,
}

impl Stage {
    fn events(self) -> PollFlags {
        match self {
            Self::Reads | Self::Lingers => PollFlags::IN,
            Self::Writes(_) => PollFlags::OUT,
            Self::LooksAgain(_) => PollFlags::empty(),
        }
    }
}

/// A connection.
struct Connection {
    socket: OwnedFd,
    /// When it is closed at the latest.
    until: Moment,
    stage: Stage,
    /// What has come of the request; then, the response.
    bytes: Vec<u8>,
}

impl Connection {
    fn new(socket: OwnedFd, now: Moment) -> Self {
        Self { socket, until: now.saturating_add(TIME), stage: Stage::Reads, bytes: Vec::new() }
    }

    /// When it is to be looked after at the latest.
    fn due(&self) -> Moment {
        match self.stage {
            Stage::LooksAgain(at) => at.min(self.until),
            _ => self.until,
        }
    }

    /// Does what can be done now; `false` if nothing is left to do.
    fn step(&mut self, is_ready: bool, site: &Site, now: Moment) -> bool {
        match self.stage {
            Stage::LooksAgain(at) if at <= now => self.answer(site, now, true),
            // Only its end is told then.
            Stage::LooksAgain(_) => return !is_ready,
            _ if !is_ready => return true,
            Stage::Reads | Stage::Lingers => {
                let mut buffer = [0; READ_SIZE];
                match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                    Ok((count @ 1.., _)) if matches!(self.stage, Stage::Reads) => {
                        self.bytes.extend(buffer.get(..count).unwrap_or_default());
                        self.answer(site, now, false);
                    }
                    Ok((1.., _)) | Err(Errno::AGAIN | Errno::INTR) => return true,
                    Ok(_) | Err(_) => return false,
                }
            }
            Stage::Writes(_) => {}
        }
        self.write()
    }

    /// Makes the response, if the request is complete.
    fn answer(&mut self, site: &Site, now: Moment, is_second: bool) {
        let response = match parse(&self.bytes) {
            Parsed::Partial => return,
            Parsed::Read(path, is_head) => site.answer(path, is_head, is_second),
            Parsed::Refused(status) => {
                let text = format!("{}\n", reason(status));
                Some(response(status, "text/plain; charset=utf-8", text.as_bytes(), false))
            }
        };
        match response {
            Some(response) => (self.bytes, self.stage) = (response, Stage::Writes(0)),
            None => self.stage = Stage::LooksAgain(now.saturating_add(PAUSE)),
        }
    }

    /// Writes what the client takes now of the response, if there is one; `false` if it takes no more.
    fn write(&mut self) -> bool {
        let Stage::Writes(done) = &mut self.stage else { return true };
        let rest = self.bytes.get(*done..).unwrap_or_default();
        match send(&self.socket, rest, SendFlags::NOSIGNAL) {
            Ok(count) => *done = done.saturating_add(count),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return false,
        }
        if *done < self.bytes.len() {
            return true;
        }
        (self.bytes, self.stage) = (Vec::new(), Stage::Lingers);
        shutdown(&self.socket, Shutdown::Write).is_ok()
    }
}
