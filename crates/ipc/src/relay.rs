//! The connection to a relay: a process beside the host that passes the output of services on, line by line, under
//! the service's name.
//!
//! Each process of a service gets a pipe for standard output and one for standard error, as far as these would lead
//! where the host's own lead.  The host sends the read ends to the relay and keeps nothing: the relay sees the end of a
//! process's output as the end of the pipe, and a host that is re-executed has only the socket to keep.  What the relay
//! hasn't read waits in the pipe, so the service waits.  The host never waits: if a pipe can't be made or sent, that
//! process writes to the host's own output.
//!
//! A relay may be killed: the pipes that it has are also on a [`Shelf`], for the next one.
//!
//! A message, one packet of a Unix socket, with its descriptors:
//!
//! | byte | content |
//! |---|---|
//! | 0 | the streams whose descriptors are sent, in this order: 1 for standard output, 2 for standard error; 0 is an order |
//! | 1… | the service's name, or the order |
//!
//! | order | what |
//! |---|---|
//! | nothing | drain the pipes and exit |
//! | 1 | exit after the last writer: no pipes follow |
//! | 2 | as nothing, within so many milliseconds (four bytes, big-endian) |

use crate::shelf::{self, Messages, Packet, events, send_all};
use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// An order: no pipes follow.
const LAST: u8 = 1;

/// An order: drain the pipes within a time.
const WITHIN: u8 = 2;

/// The limit of a name in bytes: a service's name and `/log`.
const NAME_MAX: usize = 260;

/// The stream that a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Both, in the order of their descriptors in a message.
pub const STREAMS: [Stream; 2] = [Stream::Output, Stream::Error];

impl Stream {
    /// The descriptor's number.
    #[must_use]
    pub fn number(self) -> RawFd {
        match self {
            Self::Output => 1,
            Self::Error => 2,
        }
    }

    /// Its bit in a message.
    fn bit(self) -> u8 {
        match self {
            Self::Output => 1,
            Self::Error => 2,
        }
    }
}

/// The host's end of the socket.
#[derive(Debug)]
pub struct Relay(OwnedFd);

impl AsFd for Relay {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Relay {
    fn from(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl Relay {
    /// A socket pair: the host's end and the relay's.
    ///
    /// # Errors
    /// See socketpair(2).
    pub fn new() -> Result<(Self, OwnedFd), Errno> {
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None)?;
        Ok((Self(ours), theirs))
    }

    /// Write ends for a process of this service, with the descriptor numbers for them; their lines go to the relay.
    ///
    /// # Errors
    /// No pipe can be made, or the relay can't receive it at the moment.
    pub fn pipes(&self, name: &[u8], streams: &[Stream]) -> Result<Vec<(OwnedFd, RawFd)>, Errno> {
        let mut message = vec![0];
        message.extend(name.iter().take(NAME_MAX));
        let (mut readers, mut writers) = (Vec::with_capacity(2), Vec::with_capacity(2));
        for stream in STREAMS.into_iter().filter(|stream| streams.contains(stream)) {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
            // A daemon of another user may open /dev/stdout, as it may if that is a terminal.
            let _ = rustix::fs::fchmod(&writer, Mode::from_raw_mode(0o622));
            readers.push(reader);
            writers.push((writer, stream.number()));
            if let Some(streams) = message.first_mut() {
                *streams |= stream.bit();
            }
        }
        if !readers.is_empty() {
            let readers: Vec<_> = readers.iter().map(AsFd::as_fd).collect();
            send_all(self.0.as_fd(), &message, &readers)?;
        }
        Ok(writers)
    }

    /// Asks the relay to drain the pipes and exit, within `limit` if there is one.
    ///
    /// # Errors
    /// The relay is gone.
    pub fn finish(&self, limit: Option<Duration>) -> Result<(), Errno> {
        let mut order = vec![0];
        if let Some(limit) = limit {
            let millis = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
            order.push(WITHIN);
            order.extend(millis.to_be_bytes());
        }
        self.order(&order)
    }

    /// Lets the relay exit after the last writer, since no pipes follow.
    ///
    /// # Errors
    /// The relay is gone, or can't receive that at the moment.
    pub fn seal(&self) -> Result<(), Errno> {
        self.order(&[0, LAST])
    }

    fn order(&self, order: &[u8]) -> Result<(), Errno> {
        let flags = rustix::net::SendFlags::NOSIGNAL | rustix::net::SendFlags::DONTWAIT;
        rustix::net::send(&self.0, order, flags).map(drop)
    }
}

/// The pipes that a relay has, for another one, if it is killed: in the messages that it got them in.
#[derive(Debug)]
pub struct Shelf(shelf::Shelf);

/// The messages of a relay.
static MESSAGES: Messages = Messages {
    size_max: 1 + NAME_MAX,
    is_whole: has_pipes,
    has_ended: |_, fds| fds.iter().all(has_ended),
    key: |_, fds| fds.first().and_then(|fd| sys::fs::fstat(fd).ok()).map_or(0, |st| st.st_ino),
};

impl Shelf {
    /// An empty one.
    ///
    /// # Errors
    /// See socketpair(2).
    pub fn new() -> Result<Self, Errno> {
        let (put, take) = Relay::new()?;
        Ok(Self::from_ends(put.0, take))
    }

    /// The one that another process has had, by its ends.
    #[must_use]
    pub fn from_ends(put: OwnedFd, take: OwnedFd) -> Self {
        Self(shelf::Shelf::from_ends(put, take, &MESSAGES))
    }

    /// Both ends.
    #[must_use]
    pub fn ends(&self) -> [BorrowedFd<'_>; 2] {
        self.0.ends()
    }

    /// Puts the pipes of the next message of a relay's socket there, too, before that is received; whether there are any.
    pub fn keep_next(&self, socket: impl AsFd) -> bool {
        let Ok(Some((bytes, fds))) = message(socket, true) else { return false };
        has_pipes(&bytes, &fds) && self.0.put(&bytes, &fds).is_ok()
    }

    /// Calls `each` with the pipes of each message, and removes those that have no writer any more; gives how many messages
    /// are left.
    pub fn sweep(&self, mut each: impl FnMut(Received)) -> usize {
        self.0.sweep(&mut |bytes, fds| {
            if let Ok(pipes) = parse(&bytes, fds) {
                each(pipes);
            }
        })
    }
}

/// Whether a message has the pipes that it should have.
fn has_pipes(bytes: &[u8], fds: &[OwnedFd]) -> bool {
    let wanted = |streams: &u8| STREAMS.iter().filter(|stream| streams & stream.bit() != 0).count();
    !fds.is_empty() && bytes.first().is_some_and(|streams| wanted(streams) == fds.len())
}

/// Whether a pipe is empty and has no writer.
fn has_ended(pipe: &OwnedFd) -> bool {
    events(pipe.as_fd()) == PollFlags::HUP
}

/// A message that a relay has received.
#[derive(Debug)]
pub enum Received {
    /// The output of a service's process: read ends, which don't block.
    Pipes(Vec<u8>, Vec<(OwnedFd, Stream)>),
    /// Drain the pipes and exit, within this time if there is one.
    Finish(Option<Duration>),
    /// Exit after the last writer: no pipes follow.
    Last,
    /// The host has closed the socket.
    End,
    /// Nothing, or a malformed message.
    Nothing,
}

/// Receives one message on the relay's end of the socket.
///
/// # Errors
/// See recvmsg(2).
pub fn receive(socket: impl AsFd) -> Result<Received, Errno> {
    match message(socket, false)? {
        Some((bytes, fds)) => parse(&bytes, fds),
        None => Ok(Received::Nothing),
    }
}

/// The next message with its descriptors; `None` if there is none at the moment.
fn message(socket: impl AsFd, peek: bool) -> Result<Option<Packet>, Errno> {
    shelf::message(socket.as_fd(), 1 + NAME_MAX, peek)
}

/// What a message means.
fn parse(bytes: &[u8], fds: Vec<OwnedFd>) -> Result<Received, Errno> {
    let Some((streams, name)) = bytes.split_first() else { return Ok(Received::End) };
    if *streams == 0 {
        return Ok(match name {
            [] => Received::Finish(None),
            [LAST] => Received::Last,
            [WITHIN, millis @ ..] => millis.try_into().map_or(Received::Nothing, |millis| {
                Received::Finish(Some(Duration::from_millis(u32::from_be_bytes(millis).into())))
            }),
            _ => Received::Nothing,
        });
    }
    if !has_pipes(bytes, &fds) {
        return Ok(Received::Nothing);
    }
    let wanted = STREAMS.into_iter().filter(|stream| streams & stream.bit() != 0);
    for fd in &fds {
        rustix::fs::fcntl_setfl(fd, OFlags::NONBLOCK)?;
    }
    Ok(Received::Pipes(name.to_vec(), fds.into_iter().zip(wanted).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_ends_arrive_with_name_and_stream() {
        let (host, socket) = Relay::new().unwrap();
        let writers = host.pipes(b"app", &[Stream::Error]).unwrap();
        let [(writer, 2)] = writers.as_slice() else { panic!("{writers:?}") };
        rustix::io::write(writer, b"x\n").unwrap();
        let Received::Pipes(name, fds) = receive(&socket).unwrap() else { panic!("no pipe") };
        let [(reader, Stream::Error)] = fds.as_slice() else { panic!("{fds:?}") };
        assert_eq!(name, b"app");
        let mut bytes = [0; 9];
        assert_eq!(rustix::io::read(reader, &mut bytes), Ok(2));
        assert_eq!(rustix::io::read(reader, &mut bytes), Err(Errno::AGAIN));
        drop(writers);
        assert_eq!(rustix::io::read(reader, &mut bytes), Ok(0));
    }

    #[test]
    fn orders_and_the_end_arrive() {
        let (host, socket) = Relay::new().unwrap();
        assert!(matches!(receive(&socket), Ok(Received::Nothing)));
        host.finish(None).unwrap();
        assert!(matches!(receive(&socket), Ok(Received::Finish(None))));
        host.seal().unwrap();
        assert!(matches!(receive(&socket), Ok(Received::Last)));
        let limit = Duration::from_millis(2500);
        host.finish(Some(limit)).unwrap();
        assert!(matches!(receive(&socket), Ok(Received::Finish(Some(got))) if got == limit));
        for malformed in [&[0, 3][..], &[0, 2, 0], &[0, 1, 0]] {
            host.order(malformed).unwrap();
            assert!(matches!(receive(&socket), Ok(Received::Nothing)), "{malformed:?}");
        }
        drop(host);
        assert!(matches!(receive(&socket), Ok(Received::End)));
    }

    /// The names of what is on the shelf, and how many messages are left.
    fn swept(shelf: &Shelf) -> (Vec<String>, usize) {
        let mut names = Vec::new();
        let left = shelf.sweep(|received| match received {
            Received::Pipes(name, fds) => {
                names.push(format!("{} {}", String::from_utf8_lossy(&name), fds.len()));
            }
            other => panic!("{other:?}"),
        });
        (names, left)
    }

    #[test]
    fn pipes_stay_on_the_shelf_while_they_have_writers() {
        let (host, socket) = Relay::new().unwrap();
        let shelf = Shelf::new().unwrap();
        assert!(!shelf.keep_next(&socket));
        let (a, b) = (host.pipes(b"a", &STREAMS).unwrap(), host.pipes(b"b", &[Stream::Error]).unwrap());
        host.seal().unwrap();
        for _ in 0..2 {
            assert!(shelf.keep_next(&socket));
            assert!(matches!(receive(&socket), Ok(Received::Pipes(..))), "the relay still gets them");
        }
        assert!(!shelf.keep_next(&socket), "an order isn't kept");
        let both = (vec!["a 2".to_owned(), "b 1".to_owned()], 2);
        assert_eq!((swept(&shelf), swept(&shelf)), (both.clone(), both));
        rustix::io::write(&b[0].0, b"last").unwrap();
        drop((a, b));
        assert_eq!(swept(&shelf), (vec!["b 1".to_owned()], 1), "what is in a pipe is still to be read");
    }

    #[test]
    fn a_relay_that_is_killed_amid_a_sweep_loses_nothing() {
        let (host, socket) = Relay::new().unwrap();
        let shelf = Shelf::new().unwrap();
        let writers = [&b"a"[..], b"b", b"c"].map(|name| host.pipes(name, &STREAMS).unwrap());
        for _ in &writers {
            shelf.keep_next(&socket);
            receive(&socket).unwrap();
        }
        // The first one was copied and is still there, behind the mark of another process.
        shelf.0.put(&[shelf::MARK, 0, 0, 0, 0], &[]).unwrap();
        let (bytes, fds) = message(shelf.ends()[1], true).unwrap().unwrap();
        shelf.0.put(&bytes, &fds).unwrap();
        let all = ["a 2", "b 2", "c 2"].map(str::to_owned).to_vec();
        assert_eq!((swept(&shelf), swept(&shelf)), ((all.clone(), 3), (all, 3)));
    }

    #[test]
    fn a_full_shelf_keeps_what_it_has() {
        let (host, socket) = Relay::new().unwrap();
        let shelf = Shelf::new().unwrap();
        let (mut writers, mut count) = (Vec::new(), 0);
        loop {
            writers.extend(host.pipes(b"a", &[Stream::Output]).unwrap());
            if !shelf.keep_next(&socket) {
                break;
            }
            receive(&socket).unwrap();
            count += 1;
        }
        assert_eq!(swept(&shelf).1, count - 1, "the mark takes a place");
        drop(writers);
        assert_eq!(swept(&shelf), (Vec::new(), 0));
    }

    #[test]
    fn a_host_never_waits_for_a_relay() {
        let (host, socket) = Relay::new().unwrap();
        while host.pipes(b"app", &STREAMS).is_ok() {}
        assert_eq!(host.pipes(b"app", &STREAMS).unwrap_err(), Errno::AGAIN);
        drop(socket);
        assert!(host.pipes(b"app", &STREAMS).is_err());
    }
}
