//! The relay between a local program, in plaintext, and the network, in TLS: one poll loop, bounded buffers.
//!
//! The four directions end separately:
//! - The local program ends its output: the rest is sent, then the sending side of the network is shut down, after a
//!   `close_notify` if the options ask for it or the peer has sent one.
//! - The peer ends, with or without `close_notify`: the rest is written, then the local program's input ends.  An end
//!   without `close_notify` is an error if the options say so.
//! - A reader is gone, on either side: data for it is no longer read, or discarded.
//!
//! The relay ends when nothing can be sent either way.  It never changes the mode of a descriptor, since other processes
//! may share it: it writes to sockets without waiting, and to pipes at most what POLLOUT guarantees.

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, read, write};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use rustls::{Connection, Error};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use tool::clock::{Moment, now, poll_until};

/// How many bytes are read at once, and about how many may wait for the local program.
const CHUNK: usize = 16 * 1024;

/// How many bytes fit into a pipe that is ready: pipe(7).
const PIPE_BUF: usize = 4096;

/// The descriptors; `None` once closed.
pub(crate) struct Ends {
    /// Where the local program's output is read.
    pub local_in: Option<OwnedFd>,
    /// Where the local program's input is written.
    pub local_out: Option<OwnedFd>,
    /// Where the network is read.
    pub net_in: Option<OwnedFd>,
    /// Where the network is written.
    pub net_out: Option<OwnedFd>,
}

/// How connections end, and how long a handshake may last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionPolicy {
    /// Whether to send `close_notify` when the local program ends its output.
    pub sends_close_notify: bool,
    /// Whether an end of the peer without `close_notify` is an error.
    pub requires_close_notify: bool,
    /// When the handshake times out.
    pub handshake_deadline: Option<Moment>,
}

/// Why a relay failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of TLS.
    Tls(Error),
    /// The handshake timed out.
    HandshakeTimedOut,
    /// The peer ended the connection before the handshake was complete.
    PeerGone,
    /// The peer ended the connection without `close_notify`.
    Truncated,
    /// The system failed.
    System(Errno),
}

impl From<Errno> for Failure {
    fn from(e: Errno) -> Self {
        Self::System(e)
    }
}

/// Performs the handshake, calls `after_handshake` once, and relays until the end.
pub(crate) fn run(
    tls: &mut Connection,
    ends: &mut Ends,
    policy: ConnectionPolicy,
    after_handshake: impl FnOnce(&Connection) -> Result<(), Errno>,
) -> Result<(), Failure> {
    let mut relay = Relay { tls, ends, policy, received: Vec::new(), peer: Peer::Open, is_draining: false };
    while relay.tls.is_handshaking() {
        if relay.ends.net_in.is_none() || relay.ends.net_out.is_none() {
            return Err(Failure::PeerGone);
        }
        relay.poll_once(policy.handshake_deadline)?;
    }
    // The last flight is sent before the application learns of the handshake.
    while relay.tls.wants_write() && relay.ends.net_out.is_some() {
        relay.poll_once(policy.handshake_deadline)?;
    }
    after_handshake(relay.tls)?;
    while !relay.is_over() {
        relay.poll_once(None)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Open,
    /// It has sent `close_notify`.
    Notified,
    /// It has ended without `close_notify`.
    Ended,
}

struct Relay<'a> {
    tls: &'a mut Connection,
    ends: &'a mut Ends,
    policy: ConnectionPolicy,
    /// Plaintext for the local program.
    received: Vec<u8>,
    peer: Peer,
    /// Whether the local program has ended its output, and the rest is being sent.
    is_draining: bool,
}

impl Relay<'_> {
    /// Whether nothing can be sent either way.
    fn is_over(&self) -> bool {
        let nothing_to_send =
            self.ends.net_out.is_none() || self.ends.local_in.is_none() && !self.is_draining;
        let nothing_to_deliver =
            self.ends.local_out.is_none() || self.ends.net_in.is_none() && self.received.is_empty();
        nothing_to_send && nothing_to_deliver
    }

    /// Waits once, then transfers what is ready.
    fn poll_once(&mut self, deadline: Option<Moment>) -> Result<(), Failure> {
        self.close_ended()?;
        if !self.tls.is_handshaking() && deadline.is_none() && self.is_over() {
            return Ok(());
        }
        let is_up = !self.tls.is_handshaking();
        let has_room = self.received.len() < CHUNK && self.peer == Peer::Open;
        let ends = &*self.ends;
        // POLLERR is reported always: it means that the reader is gone.
        let wanted = [
            (&ends.net_in, has_room, PollFlags::IN),
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
            return Err(Failure::HandshakeTimedOut);
        }
        let [from_net, to_net, from_local, to_local] = places
            .map(|place| place.and_then(|at| fds.get(at)).map_or(PollFlags::empty(), |fd| fd.revents()));
        drop(fds);
        if !from_net.is_empty() {
            self.receive()?;
        }
        // The reader is gone: the other end of a pipe is closed, or a connection was reset.
        let gone = PollFlags::ERR | PollFlags::HUP;
        if to_net.intersects(gone) {
            self.close_net_out();
        } else if to_net.contains(PollFlags::OUT) {
            self.send()?;
        }
        if !from_local.is_empty() {
            self.read_local()?;
        }
        if to_local.intersects(gone) {
            self.ends.local_out = None;
            self.received.clear();
        } else if to_local.contains(PollFlags::OUT) {
            self.write_local()?;
        }
        Ok(())
    }

    /// Closes the directions that have ended.
    fn close_ended(&mut self) -> Result<(), Failure> {
        if self.peer != Peer::Open {
            if self.peer == Peer::Ended && self.policy.requires_close_notify {
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
        if self.is_draining && !self.tls.wants_write() {
            self.is_draining = false;
            if let Some(fd) = self.ends.net_out.take() {
                end_writing(fd);
            }
        }
        Ok(())
    }

    fn close_net_out(&mut self) {
        self.ends.net_out = None;
        self.ends.local_in = None;
        self.is_draining = false;
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
                // The alert that explains the error is sent, if that is possible at once.
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
            return Err(Failure::PeerGone);
        }
        Ok(())
    }

    /// Writes encrypted data to the network.
    fn send(&mut self) -> Result<(), Failure> {
        let Some(fd) = &self.ends.net_out else { return Ok(()) };
        match self.tls.write_tls(&mut Sink(fd)) {
            Ok(_) => {}
            Err(e) => match Errno::from_io_error(&e) {
                Some(Errno::AGAIN | Errno::INTR) => {}
                Some(Errno::PIPE | Errno::CONNRESET | Errno::TIMEDOUT) => self.close_net_out(),
                other => return Err(Failure::System(other.unwrap_or(Errno::IO))),
            },
        }
        Ok(())
    }

    /// Reads from the local program, and encrypts.
    fn read_local(&mut self) -> Result<(), Failure> {
        let Some(fd) = &self.ends.local_in else { return Ok(()) };
        let mut buf = [0; CHUNK];
        let n = match read(fd, &mut buf) {
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(Errno::CONNRESET) => 0,
            done => done?,
        };
        if n > 0 {
            // Nothing else waits to be sent, so the buffer has room for all of it.
            let text = buf.get(..n).unwrap_or_default();
            self.tls.writer().write_all(text).map_err(|_| Failure::System(Errno::NOBUFS))?;
            return self.send();
        }
        self.ends.local_in = None;
        self.is_draining = true;
        if self.policy.sends_close_notify || self.peer == Peer::Notified {
            self.tls.send_close_notify();
            self.send()?;
        }
        Ok(())
    }

    /// Writes to the local program.
    fn write_local(&mut self) -> Result<(), Failure> {
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

/// Ends the writing side; a socket's other direction continues.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_kibibytes_are_read_and_a_page_is_written_to_a_pipe() {
        assert_eq!((CHUNK, PIPE_BUF), (16 * 1024, 4096));
        let (_reader, writer) = rustix::pipe::pipe().unwrap();
        assert_eq!(write_some(&writer, &[0; CHUNK]), Ok(4096));
    }
}
