//! The relay between a local program, in clear, and the network, in TLS: one poll loop, bounded buffers.
//!
//! The four directions end one by one:
//! - The local program ends its output: what is left is sent, then the network's sending side is shut down, with
//!   `close_notify` before if it is asked for or the peer has said so itself.
//! - The peer ends (by `close_notify` or without): what has come is written, then the local program's input ends.  An
//!   end without `close_notify` is an error if that is asked for.
//! - Nobody takes what is written, on either side: what would go there is no longer read, or thrown away.
//!
//! It is over when nothing can be sent either way.  No descriptor's mode is changed, since others may share it: sockets
//! are written without waiting, pipes by no more than POLLOUT promises.

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, read, write};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use rustls::{Connection, Error};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use tool::clock::{Moment, now, poll_until};

/// How much is read at once, and about how much waits for the local program.
const CHUNK: usize = 16 * 1024;

/// What may be written to a pipe that is ready: pipe(7).
const PIPE_BUF: usize = 4096;

/// The descriptors; each one that is gone is closed.
pub(crate) struct Ends {
    /// Where the local program's output is read.
    pub local_in: Option<OwnedFd>,
    /// Where its input is written.
    pub local_out: Option<OwnedFd>,
    /// Where the network is read.
    pub net_in: Option<OwnedFd>,
    /// Where it is written.
    pub net_out: Option<OwnedFd>,
}

/// How connections end, and how long a handshake may last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// Send `close_notify` when the local program ends its output.
    pub notifies: bool,
    /// An end of the peer without `close_notify` is an error.
    pub is_strict: bool,
    /// When the handshake must be done.
    pub handshake_until: Option<Moment>,
}

/// Why a relay failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// TLS went wrong.
    Tls(Error),
    /// The handshake took too long.
    Late,
    /// The peer ended the connection before the handshake was done.
    Gone,
    /// It ended without saying so.
    Truncated,
    /// The system failed.
    System(Errno),
}

impl From<Errno> for Failure {
    fn from(e: Errno) -> Self {
        Self::System(e)
    }
}

/// Shakes hands, calls `shaken` once, and relays until the end.
pub(crate) fn run(
    tls: &mut Connection,
    ends: &mut Ends,
    manners: Manners,
    shaken: impl FnOnce(&Connection) -> Result<(), Errno>,
) -> Result<(), Failure> {
    let mut relay = Relay { tls, ends, manners, received: Vec::new(), peer: Peer::Open, is_ending: false };
    while relay.tls.is_handshaking() {
        if relay.ends.net_in.is_none() || relay.ends.net_out.is_none() {
            return Err(Failure::Gone);
        }
        relay.turn(manners.handshake_until)?;
    }
    // The last flight goes out before the application is told.
    while relay.tls.wants_write() && relay.ends.net_out.is_some() {
        relay.turn(manners.handshake_until)?;
    }
    shaken(relay.tls)?;
    while !relay.is_over() {
        relay.turn(None)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Open,
    /// It said that nothing more comes.
    Notified,
    /// It ended without a word.
    Ended,
}

struct Relay<'a> {
    tls: &'a mut Connection,
    ends: &'a mut Ends,
    manners: Manners,
    /// What waits for the local program.
    received: Vec<u8>,
    peer: Peer,
    /// The local program has ended its output, and that is on its way.
    is_ending: bool,
}

impl Relay<'_> {
    /// Whether nothing can be sent either way.
    fn is_over(&self) -> bool {
        let nothing_to_send = self.ends.net_out.is_none() || self.ends.local_in.is_none() && !self.is_ending;
        let nothing_to_deliver =
            self.ends.local_out.is_none() || self.ends.net_in.is_none() && self.received.is_empty();
        nothing_to_send && nothing_to_deliver
    }

    /// Waits once and does what there is to do.
    fn turn(&mut self, deadline: Option<Moment>) -> Result<(), Failure> {
        self.settle()?;
        if !self.tls.is_handshaking() && deadline.is_none() && self.is_over() {
            return Ok(());
        }
        let is_up = !self.tls.is_handshaking();
        let hungry = self.received.len() < CHUNK && self.peer == Peer::Open;
        let ends = &*self.ends;
        // POLLERR comes unasked: nobody reads any more.
        let wanted = [
            (&ends.net_in, hungry, PollFlags::IN),
            (&ends.net_out, self.tls.wants_write(), PollFlags::OUT),
            (&ends.local_in, is_up && !self.tls.wants_write(), PollFlags::IN),
            (&ends.local_out, !self.received.is_empty(), PollFlags::OUT),
        ];
        let mut fds = Vec::with_capacity(wanted.len());
        let mut places = [None; 4];
        for (place, (fd, wanted, flags)) in places.iter_mut().zip(wanted) {
            if let (Some(fd), true) = (fd, wanted) {
                *place = Some(fds.len());
                fds.push(PollFd::new(fd, flags));
            } else if let (Some(fd), PollFlags::OUT) = (fd, flags) {
                *place = Some(fds.len());
                fds.push(PollFd::new(fd, PollFlags::empty()));
            }
        }
        if poll_until(&mut fds, deadline)? == 0 && deadline.is_some_and(|d| d <= now()) {
            return Err(Failure::Late);
        }
        let [from_net, to_net, from_local, to_local] = places
            .map(|place| place.and_then(|at| fds.get(at)).map_or(PollFlags::empty(), |fd| fd.revents()));
        drop(fds);
        if !from_net.is_empty() {
            self.receive()?;
        }
        // Nobody takes anything any more: the other end of a pipe is closed, or a connection was reset.
        let gone = PollFlags::ERR | PollFlags::HUP;
        if to_net.intersects(gone) {
            self.net_out_gone();
        } else if to_net.contains(PollFlags::OUT) {
            self.send()?;
        }
        if !from_local.is_empty() {
            self.take()?;
        }
        if to_local.intersects(gone) {
            self.ends.local_out = None;
            self.received.clear();
        } else if to_local.contains(PollFlags::OUT) {
            self.deliver()?;
        }
        Ok(())
    }

    /// Ends what has come to its end.
    fn settle(&mut self) -> Result<(), Failure> {
        if self.peer != Peer::Open {
            if self.peer == Peer::Ended && self.manners.is_strict {
                return Err(Failure::Truncated);
            }
            self.ends.net_in = None;
            if self.received.is_empty()
                && let Some(fd) = self.ends.local_out.take()
            {
                end_writing(fd);
            }
        }
        if self.ends.local_out.is_none() {
            self.received.clear();
        }
        if self.is_ending && !self.tls.wants_write() {
            self.is_ending = false;
            if let Some(fd) = self.ends.net_out.take() {
                end_writing(fd);
            }
        }
        Ok(())
    }

    fn net_out_gone(&mut self) {
        self.ends.net_out = None;
        self.ends.local_in = None;
        self.is_ending = false;
    }

    /// Reads from the network, and decrypts.
    fn receive(&mut self) -> Result<(), Failure> {
        let Some(fd) = &self.ends.net_in else { return Ok(()) };
        match self.tls.read_tls(&mut Source(fd)) {
            Ok(0) => self.peer = Peer::Ended,
            Ok(_) => {}
            Err(e) => match Errno::from_io_error(&e) {
                Some(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Some(Errno::CONNRESET | Errno::TIMEDOUT | Errno::NETUNREACH | Errno::HOSTUNREACH) => {
                    self.peer = Peer::Ended;
                }
                other => return Err(Failure::System(other.unwrap_or(Errno::IO))),
            },
        }
        let state = match self.tls.process_new_packets() {
            Ok(state) => state,
            Err(e) => {
                // The peer gets to know why, if it can be had at once.
                let _ = self.send();
                return Err(Failure::Tls(e));
            }
        };
        let mut rest = state.plaintext_bytes_to_read();
        while rest > 0 {
            let start = self.received.len();
            self.received.resize(start + rest, 0);
            let n = self.tls.reader().read(self.received.get_mut(start..).unwrap_or_default()).unwrap_or(0);
            self.received.truncate(start + n);
            rest = if n == 0 { 0 } else { rest - n };
        }
        if state.peer_has_closed() {
            self.peer = Peer::Notified;
        } else if self.peer == Peer::Ended && self.tls.is_handshaking() {
            return Err(Failure::Gone);
        }
        Ok(())
    }

    /// Writes what is encrypted.
    fn send(&mut self) -> Result<(), Failure> {
        let Some(fd) = &self.ends.net_out else { return Ok(()) };
        match self.tls.write_tls(&mut Sink(fd)) {
            Ok(_) => {}
            Err(e) => match Errno::from_io_error(&e) {
                Some(Errno::AGAIN | Errno::INTR) => {}
                Some(Errno::PIPE | Errno::CONNRESET | Errno::TIMEDOUT) => self.net_out_gone(),
                other => return Err(Failure::System(other.unwrap_or(Errno::IO))),
            },
        }
        Ok(())
    }

    /// Reads from the local program, and encrypts.
    fn take(&mut self) -> Result<(), Failure> {
        let Some(fd) = &self.ends.local_in else { return Ok(()) };
        let mut buf = [0; CHUNK];
        let n = match read(fd, &mut buf) {
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(Errno::CONNRESET) => 0,
            done => done?,
        };
        if n > 0 {
            // Nothing else waits to be sent, so all of it has room.
            let text = buf.get(..n).unwrap_or_default();
            self.tls.writer().write_all(text).map_err(|_| Failure::System(Errno::NOBUFS))?;
            return self.send();
        }
        self.ends.local_in = None;
        self.is_ending = true;
        if self.manners.notifies || self.peer == Peer::Notified {
            self.tls.send_close_notify();
            self.send()?;
        }
        Ok(())
    }

    /// Writes to the local program.
    fn deliver(&mut self) -> Result<(), Failure> {
        let Some(fd) = &self.ends.local_out else { return Ok(()) };
        match write_some(fd, &self.received) {
            Ok(n) => drop(self.received.drain(..n.min(self.received.len()))),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => {
                self.ends.local_out = None;
                self.received.clear();
            }
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }
}

/// Ends the writing side: a socket's other direction may go on.
fn end_writing(fd: OwnedFd) {
    let _ = shutdown(&fd, Shutdown::Write);
}

/// Writes to a descriptor that is ready, without waiting.
fn write_some(fd: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    match send(fd, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
        Err(Errno::NOTSOCK) => write(fd, bytes.get(..PIPE_BUF).unwrap_or(bytes)),
        done => done,
    }
}

/// A descriptor that is ready to be read.
struct Source<'a>(&'a OwnedFd);

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let done = match recv(self.0, &mut *buf, RecvFlags::DONTWAIT) {
            Err(Errno::NOTSOCK) => read(self.0, buf),
            done => done.map(|(n, _)| n),
        };
        Ok(done?)
    }
}

/// A descriptor that is ready to be written.
struct Sink<'a>(&'a OwnedFd);

impl Write for Sink<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(write_some(self.0, buf)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
