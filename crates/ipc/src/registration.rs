//! What a service's process tells the attendant for probes, before it becomes the daemon: one datagram with descriptors.
//!
//! The attendant puts a copy of each on a [`Shelf`], with the sender's process id, for the next attendant; there is its own
//! socket, too, so that no datagram is lost with it.
//!
//! | byte | content |
//! |---|---|
//! | 0 | the descriptors that are sent, in the order of their bits: [`PIDFD`] and so on |
//! | 1–4 | the process id, big-endian; 0 from the process itself, which may not know it |
//! | 5–12 | a number that no other registration has: the time in nanoseconds |
//! | 13 | the length of the name |
//! | 14… | the service's name; the record of its probes, [`wire::probes`] |

use crate::shelf::{Messages, Shelf, events, send_all};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, sockopt};
use rustix::process::{Pid, test_kill_process};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tool::clock::{Moment, now, poll_until};
use wire::probes::SIZE_MAX;

/// The attendant's socket, of mode 0600.
pub const SOCKET: &str = "/run/s6-overlay/probes";

/// The folder of the sockets at which services are heard: [`Registration::notify`].
pub const NOTIFY: &str = "/run/s6-overlay/notify";

/// The process.
pub const PIDFD: u8 = 1;
/// The write end of its notification pipe.
pub const NOTIFICATION: u8 = 2;
/// A socket for the protocol of sd_notify(3).
pub const SOCKET_OF_SERVICE: u8 = 4;
/// The read end of a pipe that it says to be ready by.
pub const FD: u8 = 8;
/// The read end of its output, and where that is passed on to.
pub const OUTPUT: u8 = 16;
/// The same of its error output, if that is apart.
pub const ERROR: u8 = 32;
/// Alone: the attendant's own socket.
const OWN: u8 = 128;

/// The bits and how many descriptors each stands for.
const KINDS: [(u8, usize); 7] =
    [(PIDFD, 1), (NOTIFICATION, 1), (SOCKET_OF_SERVICE, 1), (FD, 1), (OUTPUT, 2), (ERROR, 2), (OWN, 1)];

/// The bytes before the name.
const HEAD: usize = 14;

/// The longest message, in bytes.
const LONGEST: usize = HEAD + 255 + SIZE_MAX;

/// The messages of the attendant's shelf.
static MESSAGES: Messages = Messages { size_max: LONGEST, is_whole, has_ended, key };

fn count(bytes: &[u8]) -> usize {
    let bits = bytes.first().copied().unwrap_or(0);
    KINDS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, count)| count).sum()
}

fn is_whole(bytes: &[u8], fds: &[OwnedFd]) -> bool {
    bytes.len() >= HEAD && count(bytes) == fds.len()
}

fn key(bytes: &[u8], _: &[OwnedFd]) -> u64 {
    bytes.get(5..).and_then(|bytes| bytes.first_chunk()).map_or(0, |stamp| u64::from_be_bytes(*stamp))
}

/// Whether the process has ended, and its output has been passed on.
fn has_ended(bytes: &[u8], fds: &[OwnedFd]) -> bool {
    Registration::of(bytes, fds.iter().map(AsFd::as_fd)).is_some_and(|one| {
        is_gone(one.pid, one.pidfd)
            && one.streams.iter().flatten().all(|(from, _)| events(*from) == PollFlags::HUP)
    })
}

/// A registration; its descriptors are borrowed or its own.
#[derive(Debug)]
pub struct Registration<'a, F> {
    /// The process's id.
    pub pid: u32,
    /// The service's name.
    pub name: &'a [u8],
    /// Its record.
    pub record: &'a [u8],
    /// The process; not on Linux before 5.3.
    pub pidfd: Option<F>,
    /// The write end of its notification pipe.
    pub notification: Option<F>,
    /// A bound socket for the protocol of sd_notify(3).
    pub notify: Option<F>,
    /// The read end of a pipe that it says to be ready by.
    pub fd: Option<F>,
    /// Its output and its error output: the read end, and where that is passed on to.
    pub streams: [Option<(F, F)>; 2],
}

impl<'a, F> Registration<'a, F> {
    /// The one in a message that is whole; `None` if it isn't one.
    pub fn of(bytes: &'a [u8], mut fds: impl Iterator<Item = F>) -> Option<Self> {
        let bits = *bytes.first().filter(|bits| **bits < OWN)?;
        let pid = u32::from_be_bytes(*bytes.get(1..)?.first_chunk()?);
        let (name, record) =
            bytes.get(HEAD..)?.split_at_checked((*bytes.get(HEAD.saturating_sub(1))?).into())?;
        let mut next = |bit: u8| if bits & bit == 0 { None } else { fds.next() };
        let (pidfd, notification) = (next(PIDFD), next(NOTIFICATION));
        let (notify, fd) = (next(SOCKET_OF_SERVICE), next(FD));
        let streams = [OUTPUT, ERROR].map(|bit| next(bit).zip(next(bit)));
        Some(Self { pid, name, record, pidfd, notification, notify, fd, streams })
    }
}

/// Whether a process has ended; without a descriptor for it, what has its number counts.
#[must_use]
pub fn is_gone(pid: u32, pidfd: Option<BorrowedFd<'_>>) -> bool {
    match pidfd {
        Some(fd) => events(fd).contains(PollFlags::IN),
        None => {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
        }
    }
}

impl Registration<'_, BorrowedFd<'_>> {
    /// Sends it to the attendant, who has until the deadline to take it.
    ///
    /// # Errors
    /// There is no attendant, `TIMEDOUT` if it doesn't take it, and others of sendmsg(2).
    pub fn send(&self, deadline: Moment) -> Result<(), Errno> {
        let streams = self.streams.map(|ends| ends.map(|(from, to)| [from, to]));
        let [output, error] = &streams;
        let single = |fd: &Option<_>| fd.iter().copied().collect::<Vec<_>>();
        let parts = [
            (PIDFD, single(&self.pidfd)),
            (NOTIFICATION, single(&self.notification)),
            (SOCKET_OF_SERVICE, single(&self.notify)),
            (FD, single(&self.fd)),
            (OUTPUT, output.iter().flatten().copied().collect()),
            (ERROR, error.iter().flatten().copied().collect()),
        ];
        let mut bits = 0;
        let mut fds = Vec::new();
        for (bit, part) in parts {
            if !part.is_empty() {
                bits |= bit;
                fds.extend(part);
            }
        }
        let mut bytes = vec![bits];
        bytes.extend(self.pid.to_be_bytes());
        bytes.extend(u64::try_from(now().as_nanos()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.push(u8::try_from(self.name.len()).map_err(|_| Errno::NAMETOOLONG)?);
        bytes.extend_from_slice(self.name);
        bytes.extend_from_slice(self.record);
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        connect(&socket, &crate::unix_socket::address(SOCKET.as_bytes())?)?;
        loop {
            match send_all(socket.as_fd(), &bytes, &fds) {
                Err(Errno::AGAIN) => {}
                done => return done,
            }
            if poll_until(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(deadline))? == 0 {
                return Err(Errno::TIMEDOUT);
            }
        }
    }
}

/// The attendant's shelf, of which its host keeps both ends.
#[must_use]
pub fn shelf(put: OwnedFd, take: OwnedFd) -> Shelf {
    // More room than by default, as far as that may be had.
    let _ = sockopt::set_socket_send_buffer_size(&put, 1 << 20);
    Shelf::from_ends(put, take, &MESSAGES)
}

/// Whether a message of the shelf is the attendant's own socket.
#[must_use]
pub fn is_own_socket(bytes: &[u8]) -> bool {
    bytes.first() == Some(&OWN)
}

/// The message of the shelf with the attendant's own socket.
#[must_use]
pub fn own_socket() -> [u8; HEAD] {
    let mut bytes = [0; HEAD];
    bytes[0] = OWN;
    bytes
}

/// What a look at the attendant's socket found.
#[derive(Debug)]
pub enum Next {
    /// A registration, which is still there until it is taken: its bytes with the sender's process id, and its descriptors.
    Registration(Vec<u8>, Vec<OwnedFd>),
    /// Something else, which was taken.
    Malformed,
    /// One whose descriptors this process can't have at the moment.
    Short,
    /// Nothing.
    Nothing,
}

/// Looks at the next registration.
///
/// # Errors
/// As recvmsg(2).
pub fn look(socket: BorrowedFd<'_>) -> Result<Next, Errno> {
    let mut bytes = vec![0; LONGEST];
    let got = match sys::message::receive(socket, &mut bytes, true) {
        Err(Errno::AGAIN | Errno::INTR) => return Ok(Next::Nothing),
        done => done?,
    };
    bytes.truncate(got.length);
    if let (Some(place), Some((pid, _))) = (bytes.get_mut(1..5), got.sender) {
        place.copy_from_slice(&pid.to_be_bytes());
    }
    let is_one = Registration::of(&bytes, got.fds.iter()).is_some();
    if is_one && is_whole(&bytes, &got.fds) {
        return Ok(Next::Registration(bytes, got.fds));
    }
    if got.is_cut && count(&bytes) > got.fds.len() {
        return Ok(Next::Short);
    }
    take(socket);
    Ok(Next::Malformed)
}

/// Takes the registration that was looked at.
pub fn take(socket: BorrowedFd<'_>) {
    let _ = sys::message::receive(socket, &mut [0], false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::socketpair;
    use rustix::pipe::pipe;

    fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
    }

    /// A registration of this process with its output, as bytes.
    fn message(stamp: u64, bits: u8) -> Vec<u8> {
        let pid = std::process::id().to_be_bytes();
        [&[bits][..], &pid, &stamp.to_be_bytes(), b"\x03weba record"].concat()
    }

    #[test]
    fn what_is_sent_is_what_comes() {
        let (ours, theirs) = pair(SocketType::DGRAM);
        sockopt::set_socket_passcred(&ours, true).unwrap();
        assert!(matches!(look(ours.as_fd()), Ok(Next::Nothing)));
        let (reader, writer) = pipe().unwrap();
        send_all(theirs.as_fd(), &message(7, OUTPUT), &[reader.as_fd(), writer.as_fd()]).unwrap();
        for _ in 0..2 {
            let Next::Registration(bytes, fds) = look(ours.as_fd()).unwrap() else { panic!("none") };
            let got = Registration::of(&bytes, fds.iter()).unwrap();
            assert_eq!((got.name, got.record), (&b"web"[..], &b"a record"[..]));
            assert_eq!(got.pid, std::process::id());
            assert!(got.streams[0].is_some() && got.streams[1].is_none() && got.pidfd.is_none());
        }
        take(ours.as_fd());
        for malformed in [&b""[..], b"x", &message(7, PIDFD), &message(7, OWN), &message(7, 255)] {
            send_all(theirs.as_fd(), malformed, &[]).unwrap();
            assert!(matches!(look(ours.as_fd()), Ok(Next::Malformed)), "{malformed:?}");
        }
        assert!(matches!(look(ours.as_fd()), Ok(Next::Nothing)));
    }

    #[test]
    fn it_stays_on_the_shelf_until_all_is_over() {
        let (put, take) = pair(SocketType::SEQPACKET);
        let shelf = shelf(put, take);
        let (reader, writer) = pipe().unwrap();
        let target = reader.try_clone().unwrap();
        shelf.put(&own_socket(), &[pipe().unwrap().0]).unwrap();
        let gone = [&[OUTPUT][..], &[0; 4], &[9; 8], b"\x03web"].concat();
        shelf.put(&gone, &[reader, target]).unwrap();
        shelf.put(&message(1, 0), &[]).unwrap();
        let seen = || {
            let mut seen = Vec::new();
            let count = shelf.sweep(&mut |bytes, _| seen.push(is_own_socket(&bytes)));
            assert_eq!(count, seen.len());
            seen
        };
        assert_eq!(seen(), [true, false, false], "its output has a writer");
        drop(writer);
        assert_eq!(seen(), [true, false]);
    }
}
