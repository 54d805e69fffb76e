//! Sending and receiving [messages with descriptors](wire::unix_message) on a Unix stream socket.
//!
//! Nothing here blocks, whatever the socket's mode: what can't be done now is left for the next call, after poll(2).
//! The memory and the descriptors of a receiver are limited by the messages that its owner expects, and every
//! descriptor that arrived and wasn't taken is closed.

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use wire::unix_message::{HEADER, Header};

use tool::clock::Moment;

/// A message that has arrived.
#[derive(Debug)]
pub struct Message {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its descriptors, close-on-exec.
    pub fds: Vec<OwnedFd>,
}

/// At most this many bytes are read at once.
const READ_SIZE: usize = 16 << 10;

/// The receiving side of a connection.
#[derive(Debug)]
pub struct Receiver {
    bytes: Vec<u8>,
    fds: VecDeque<OwnedFd>,
    content_max: usize,
    fds_max: usize,
}

/// The outcome of an attempt to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Something arrived.
    Some,
    /// Nothing can be read at the moment.
    Nothing,
    /// The other side has closed the connection.
    End,
}

impl Receiver {
    /// A receiver of messages with at most `content_max` bytes and `fds_max` descriptors.
    #[must_use]
    pub fn new(content_max: usize, fds_max: usize) -> Self {
        Self { bytes: Vec::new(), fds: VecDeque::new(), content_max, fds_max }
    }

    /// Reads once.
    ///
    /// # Errors
    /// `NFILE` if more descriptors arrived than a message may have or than this process may have open: some are lost.
    pub fn fill(&mut self, socket: impl AsFd) -> Result<Filled, Errno> {
        let mut chunk = [0; READ_SIZE];
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(self.fds_max.max(1)))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let got = match rustix::io::retry_on_intr(|| {
            rustix::net::recvmsg(&socket, &mut [IoSliceMut::new(&mut chunk)], &mut control, flags)
        }) {
            Err(Errno::AGAIN) => return Ok(Filled::Nothing),
            done => done?,
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                self.fds.extend(passed);
            }
        }
        if got.flags.contains(ReturnFlags::CTRUNC) {
            return Err(Errno::NFILE);
        }
        self.bytes.extend_from_slice(chunk.get(..got.bytes).unwrap_or_default());
        Ok(if got.bytes == 0 { Filled::End } else { Filled::Some })
    }

    /// Takes the next message, if it has arrived completely.
    ///
    /// # Errors
    /// `PROTO`: it is too long or has too many descriptors, or descriptors arrived without a message.
    pub fn take(&mut self) -> Result<Option<Message>, Errno> {
        let Some(header) = Header::decode(&self.bytes) else {
            // Descriptors travel beside the first byte.
            let stray = self.bytes.is_empty() && !self.fds.is_empty();
            return if stray { Err(Errno::PROTO) } else { Ok(None) };
        };
        if header.length > self.content_max || header.fds > self.fds_max {
            return Err(Errno::PROTO);
        }
        let end = HEADER + header.length;
        if self.bytes.len() < end || self.fds.len() < header.fds {
            // Descriptors arrive no later than the content; and no more of them than this message's and the next one's,
            // since a read stops after descriptors.
            let damaged = self.bytes.len() > end || self.fds.len() > 2 * self.fds_max;
            return if damaged { Err(Errno::PROTO) } else { Ok(None) };
        }
        let bytes = self.bytes.get(HEADER..end).unwrap_or_default().to_vec();
        self.bytes.drain(..end);
        if self.bytes.is_empty() {
            self.bytes.shrink_to(READ_SIZE);
        }
        Ok(Some(Message { bytes, fds: self.fds.drain(..header.fds).collect() }))
    }

    /// Whether a message has arrived in part.
    #[must_use]
    pub fn is_amid(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Whether a message must be taken before more is read.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= HEADER + self.content_max
    }
}

/// A message that waits to be sent.
#[derive(Debug)]
struct Outgoing {
    bytes: Vec<u8>,
    done: usize,
    fds: Vec<Rc<OwnedFd>>,
}

/// The sending side of a connection.
#[derive(Debug, Default)]
pub struct Sender {
    queue: VecDeque<Outgoing>,
}

impl Sender {
    /// Puts a message into the queue.  Its descriptors stay open until it is sent.
    ///
    /// # Errors
    /// `MSGSIZE`: it is too long, or has too many descriptors.
    pub fn put(&mut self, content: &[u8], fds: Vec<Rc<OwnedFd>>) -> Result<(), Errno> {
        let header = Header { length: content.len(), fds: fds.len() }.encode().ok_or(Errno::MSGSIZE)?;
        self.queue.push_back(Outgoing { bytes: [&header, content].concat(), done: 0, fds });
        Ok(())
    }

    /// Whether everything is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sends what the socket takes without waiting; `true` if it took anything.
    ///
    /// # Errors
    /// `PIPE` and others of sendmsg(2), but not `AGAIN`.
    pub fn flush(&mut self, socket: impl AsFd) -> Result<bool, Errno> {
        let mut progress = false;
        while let Some(first) = self.queue.front_mut() {
            let rest = first.bytes.get(first.done..).unwrap_or_default();
            let sent = if first.fds.is_empty() {
                rustix::net::send(&socket, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            } else {
                send_with(&socket, rest, &first.fds.iter().map(|fd| fd.as_fd()).collect::<Vec<_>>())
            };
            match sent {
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                done => first.done += done?,
            }
            progress = true;
            // The descriptors were sent with the first byte.
            first.fds.clear();
            if first.done >= first.bytes.len() {
                self.queue.pop_front();
            }
        }
        Ok(progress)
    }
}

/// Sends once, with descriptors beside the first byte.
pub fn send_with(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize, Errno> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(fds.len()))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::MSGSIZE);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags)
}

/// Sends everything that is in the queue.
///
/// # Errors
/// `TIMEDOUT` after the deadline; others as [`Sender::flush`].
pub fn send_all(socket: BorrowedFd<'_>, sender: &mut Sender, deadline: Option<Moment>) -> Result<(), Errno> {
    loop {
        sender.flush(socket)?;
        if sender.is_empty() {
            return Ok(());
        }
        wait(socket, PollFlags::OUT, deadline)?;
    }
}

/// Waits for the next message.
///
/// # Errors
/// `PIPE` if the other side closes the connection, `TIMEDOUT` after the deadline; others as [`Receiver::fill`] and
/// [`Receiver::take`].
pub fn receive(
    socket: BorrowedFd<'_>,
    receiver: &mut Receiver,
    deadline: Option<Moment>,
) -> Result<Message, Errno> {
    loop {
        if let Some(message) = receiver.take()? {
            return Ok(message);
        }
        match receiver.fill(socket)? {
            Filled::Some => {}
            Filled::End => return Err(Errno::PIPE),
            Filled::Nothing => wait(socket, PollFlags::IN, deadline)?,
        }
    }
}

/// Waits until a descriptor is ready.
///
/// # Errors
/// `TIMEDOUT` after the deadline.
pub fn wait(fd: BorrowedFd<'_>, events: PollFlags, deadline: Option<Moment>) -> Result<(), Errno> {
    match tool::clock::poll_until(&mut [PollFd::from_borrowed_fd(fd, events)], deadline)? {
        0 => Err(Errno::TIMEDOUT),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
    }

    fn null() -> Rc<OwnedFd> {
        Rc::new(std::fs::File::open("/dev/null").unwrap().into())
    }

    #[test]
    fn messages_arrive_with_their_descriptors() {
        let (a, b) = pair();
        let mut sender = Sender::default();
        let long = vec![b'x'; 500_000];
        sender.put(b"one", vec![null()]).unwrap();
        sender.put(b"", vec![null(), null()]).unwrap();
        sender.put(&long, Vec::new()).unwrap();
        let mut receiver = Receiver::new(long.len(), 2);
        let mut seen = Vec::new();
        while seen.len() < 3 {
            sender.flush(&a).unwrap();
            receiver.fill(&b).unwrap();
            while let Some(message) = receiver.take().unwrap() {
                seen.push((message.bytes.len(), message.fds.len()));
            }
        }
        assert!(sender.is_empty() && !receiver.is_amid());
        assert_eq!(seen, [(3, 1), (0, 2), (500_000, 0)]);
        drop((a, sender));
        assert_eq!(receiver.fill(&b), Ok(Filled::End));
    }

    #[test]
    fn at_most_16_kib_are_read_at_once() {
        assert_eq!(READ_SIZE, 16_384);
        let (a, b) = pair();
        let mut sender = Sender::default();
        sender.put(&[b'x'; 20_000], Vec::new()).unwrap();
        send_all(a.as_fd(), &mut sender, None).unwrap();
        let mut receiver = Receiver::new(20_000, 1);
        assert_eq!((receiver.fill(&b), receiver.bytes.len()), (Ok(Filled::Some), 16_384));
        assert!(!receiver.is_full() && receiver.take().unwrap().is_none());
        assert_eq!((receiver.fill(&b), receiver.bytes.len()), (Ok(Filled::Some), 20_006));
        assert!(receiver.is_full());
    }

    #[test]
    fn what_is_above_the_bounds_is_refused() {
        for (content, fds) in [(&b"long"[..], 0), (b"", 2)] {
            let (a, b) = pair();
            let mut sender = Sender::default();
            sender.put(content, (0..fds).map(|_| null()).collect()).unwrap();
            send_all(a.as_fd(), &mut sender, None).unwrap();
            assert!(receive(b.as_fd(), &mut Receiver::new(3, 1), None).is_err());
        }
        // A descriptor beside bytes that announce none.
        let (a, b) = pair();
        send_with(&a, b"\0\0\0\0\0\0", &[null().as_fd()]).unwrap();
        let mut receiver = Receiver::new(3, 1);
        receiver.fill(&b).unwrap();
        assert!(receiver.take().unwrap().is_some());
        assert_eq!(receiver.take().unwrap_err(), Errno::PROTO);
    }

    #[test]
    fn a_wait_ends_at_the_deadline_or_with_the_connection() {
        let (a, b) = pair();
        let now = Some(tool::clock::now());
        assert_eq!(receive(b.as_fd(), &mut Receiver::new(3, 1), now).unwrap_err(), Errno::TIMEDOUT);
        drop(a);
        assert_eq!(receive(b.as_fd(), &mut Receiver::new(3, 1), None).unwrap_err(), Errno::PIPE);
    }
}
