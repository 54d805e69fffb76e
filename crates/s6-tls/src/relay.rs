//! The relay between a local program, in plaintext, and the network, in TLS: one poll loop, bounded buffers.
//!
//! The four directions end separately:
//! - The local program ends its output: the rest is sent, then the sending side of the network is shut down, after a
//!   `close_notify` if the options ask for it or the peer has sent one.
//! - The peer ends, with or without `close_notify`: the rest is written, then the local program's input ends.  An end
//!   without `close_notify` is an error if the options say so.
//! - A reader is gone, on either side: data for it is no longer read, or discarded.
//! - The connection fails: what was decrypted before is written first, then the failure is reported.
//!
//! The relay ends when nothing can be sent either way.  It never changes the mode of a descriptor, since other processes
//! may share it: it writes to sockets without waiting, and to pipes at most what POLLOUT guarantees.

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, read, write};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use rustls::{AlertDescription, Connection, Error};
use std::io::{self, BufRead, Read, Write};
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
    let mut relay = Relay {
        tls,
        ends,
        policy,
        received: Vec::new(),
        peer: Peer::Open,
        failure: None,
        is_draining: false,
        has_ended_silently: false,
    };
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
    // The end of the peer may be the last event.
    relay.close_ended()
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
    /// The failure of the connection, reported once `received` is delivered.
    failure: Option<Failure>,
    /// Whether the local program has ended its output, and the rest is being sent.
    is_draining: bool,
    /// Whether all data was sent, and the sending side shut down without `close_notify`.
    has_ended_silently: bool,
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
        if self.ends.local_out.is_none() {
            self.received.clear();
        }
        if self.peer != Peer::Open {
            self.ends.net_in = None;
            if self.received.is_empty() {
                if let Some(failure) = self.failure.take() {
                    return Err(failure);
                }
                if self.peer == Peer::Ended && self.policy.requires_close_notify {
                    return Err(Failure::Truncated);
                }
                if let Some(fd) = self.ends.local_out.take() {
                    end_writing(fd);
                }
            }
        }
        if self.is_draining && !self.tls.wants_write() {
            self.is_draining = false;
            self.has_ended_silently = !self.policy.sends_close_notify && self.peer != Peer::Notified;
            if let Some(fd) = self.ends.net_out.take() {
                end_writing(fd);
            }
        }
        Ok(())
    }

    /// Ends both directions of a connection that failed; the failure is reported once `received` is delivered.
    fn fail(&mut self, failure: Failure) -> Result<(), Failure> {
        if self.tls.is_handshaking() {
            return Err(failure);
        }
        self.failure.get_or_insert(failure);
        self.peer = Peer::Ended;
        self.close_net_out();
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
                other => return self.fail(Failure::System(other.unwrap_or(Errno::IO))),
            },
        }
        let state = self.tls.process_new_packets();
        self.take_plaintext();
        match state {
            Ok(state) if state.peer_has_closed() => self.peer = Peer::Notified,
            Ok(_) if self.peer == Peer::Ended && self.tls.is_handshaking() => return Err(Failure::PeerGone),
            Ok(_) => {}
            // OpenSSL's answer to an end without close_notify: everything was sent before.
            Err(Error::AlertReceived(AlertDescription::DecodeError)) if self.has_ended_silently => {
                self.peer = Peer::Ended;
            }
            Err(e) => {
                // The alert that explains the error is sent, if that is possible at once.
                let _ = self.send();
                return self.fail(Failure::Tls(e));
            }
        }
        Ok(())
    }

    /// Moves what was decrypted to `received`.
    fn take_plaintext(&mut self) {
        let mut reader = self.tls.reader();
        while let Ok(chunk) = reader.fill_buf() {
            let n = chunk.len();
            if n == 0 {
                return;
            }
            self.received.extend_from_slice(chunk);
            reader.consume(n);
        }
    }

    /// Writes encrypted data to the network.
    fn send(&mut self) -> Result<(), Failure> {
        let Some(fd) = &self.ends.net_out else { return Ok(()) };
        match self.tls.write_tls(&mut Sink(fd)) {
            Ok(_) => {}
            Err(e) => match Errno::from_io_error(&e) {
                Some(Errno::AGAIN | Errno::INTR) => {}
                Some(Errno::PIPE | Errno::CONNRESET | Errno::TIMEDOUT) => self.close_net_out(),
                other => return self.fail(Failure::System(other.unwrap_or(Errno::IO))),
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
    use crate::client::{self, ClientSettings};
    use crate::server::{self, ClientCertificate};
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use rustls::{ClientConnection, ServerConnection};
    use std::fs::File;
    use std::sync::Arc;
    use tool::Env;

    #[test]
    fn sixteen_kibibytes_are_read_and_a_page_is_written_to_a_pipe() {
        assert_eq!((CHUNK, PIPE_BUF), (16 * 1024, 4096));
        let (_reader, writer) = rustix::pipe::pipe().unwrap();
        assert_eq!(write_some(&writer, &[0; CHUNK]), Ok(4096));
    }

    /// A client and a server after their handshake.
    fn connected() -> (ClientConnection, ServerConnection) {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
        let vars = [format!("CERTFILE={dir}/p256.crt"), format!("KEYFILE={dir}/p256.key")];
        let env = Env::from_vars(vars.map(String::into_bytes).to_vec());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let settings = ClientSettings { accepts_any_server: true, ..ClientSettings::default() };
        let mut client = client::connection(&env, &settings, &provider).unwrap();
        let mut server = server::connection(&env, ClientCertificate::NotRequested, 0, &provider).unwrap();
        while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
            for from_client in [true, false] {
                let mut flight = Vec::new();
                let (from, to): (&mut dyn Endpoint, &mut dyn Endpoint) =
                    if from_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
                from.write_to(&mut flight);
                to.read_from(&flight);
            }
        }
        (client, server)
    }

    trait Endpoint {
        fn write_to(&mut self, flight: &mut Vec<u8>);
        fn read_from(&mut self, flight: &[u8]);
    }

    impl<S: rustls::SideData, T: std::ops::DerefMut<Target = rustls::ConnectionCommon<S>>> Endpoint for T {
        fn write_to(&mut self, flight: &mut Vec<u8>) {
            while self.wants_write() {
                self.write_tls(flight).unwrap();
            }
        }

        fn read_from(&mut self, mut flight: &[u8]) {
            while !flight.is_empty() {
                self.read_tls(&mut flight).unwrap();
                self.process_new_packets().unwrap();
            }
        }
    }

    /// What a relay of a client delivers and reports when the server sends `text`, and then these bytes, and leaves.
    fn relayed(text: &[u8], then: fn(&mut ServerConnection) -> Vec<u8>, requires: bool) -> (Vec<u8>, String) {
        let (client, mut server) = connected();
        let mut flight = Vec::new();
        for chunk in text.chunks(CHUNK) {
            server.writer().write_all(chunk).unwrap();
            server.write_to(&mut flight);
        }
        flight.extend(then(&mut server));
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        assert_eq!(write(&theirs, &flight), Ok(flight.len()));
        shutdown(&theirs, Shutdown::Write).unwrap();
        let delivered = tempfile::NamedTempFile::new().unwrap();
        let mut ends = Ends {
            local_in: Some(File::open("/dev/null").unwrap().into()),
            local_out: Some(delivered.reopen().unwrap().into()),
            net_in: Some(ours.try_clone().unwrap()),
            net_out: Some(ours),
        };
        let policy = ConnectionPolicy {
            sends_close_notify: false,
            requires_close_notify: requires,
            handshake_deadline: None,
        };
        let outcome = run(&mut client.into(), &mut ends, policy, |_| Ok(()));
        (std::fs::read(delivered.path()).unwrap(), format!("{outcome:?}"))
    }

    fn close_notify(server: &mut ServerConnection) -> Vec<u8> {
        let mut flight = Vec::new();
        server.send_close_notify();
        server.write_to(&mut flight);
        flight
    }

    /// A record that can't be decrypted.
    fn garbage(_: &mut ServerConnection) -> Vec<u8> {
        [&[23, 3, 3, 0, 32][..], &[7; 32]].concat()
    }

    /// The fatal alert of a server that can't decrypt what it got.
    fn alert(server: &mut ServerConnection) -> Vec<u8> {
        let record = garbage(server);
        server.read_tls(&mut record.as_slice()).unwrap();
        server.process_new_packets().unwrap_err();
        let mut flight = Vec::new();
        server.write_to(&mut flight);
        flight
    }

    #[test]
    fn all_that_was_decrypted_is_delivered_before_a_failure_is_reported() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).take(90_001).collect();
        for (then, requires, expected) in [
            (close_notify as fn(&mut ServerConnection) -> Vec<u8>, true, "Ok(())"),
            (|_| Vec::new(), false, "Ok(())"),
            (|_| Vec::new(), true, "Err(Truncated)"),
            (|_| vec![23, 3, 3], true, "Err(Truncated)"),
            (garbage, false, "Err(Tls(DecryptError))"),
            (garbage, true, "Err(Tls(DecryptError))"),
            (alert, false, "Err(Tls(AlertReceived(BadRecordMac)))"),
        ] {
            let (delivered, outcome) = relayed(&text, then, requires);
            assert_eq!((delivered.len(), outcome.as_str()), (text.len(), expected));
            assert!(delivered == text, "the bytes are the peer's, in order");
        }
        assert_eq!(relayed(b"", |_| Vec::new(), true), (Vec::new(), String::from("Err(Truncated)")));
    }
}
