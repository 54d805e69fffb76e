//! Messages with descriptors that a process keeps for the one that follows it, should it be killed: on their way from one end
//! of a pair of sockets to the other.
//!
//! There they take no descriptors of any process.  What doesn't fit isn't kept.  Whoever starts such processes keeps both ends.

use crate::unix_message::send_with;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tool::sorted::Set;

/// The first byte of a message that says how far a process has been through its shelf; its process id follows.  No other message
/// begins with it.
pub(crate) const MARK: u8 = u8::MAX;

/// The bytes of a message and its descriptors.
pub type Packet = (Vec<u8>, Vec<OwnedFd>);

/// What the messages of a shelf are.
#[derive(Debug)]
pub struct Messages {
    /// The longest one, in bytes.
    pub size_max: usize,
    /// Whether it has the descriptors that it should have.
    pub is_whole: fn(&[u8], &[OwnedFd]) -> bool,
    /// Whether nobody needs it any more.
    pub has_ended: fn(&[u8], &[OwnedFd]) -> bool,
    /// What copies of a message have in common.
    pub key: fn(&[u8], &[OwnedFd]) -> u64,
}

/// A shelf.
#[derive(Debug)]
pub struct Shelf {
    put: OwnedFd,
    take: OwnedFd,
    messages: &'static Messages,
}

impl Shelf {
    /// The one with these ends.
    #[must_use]
    pub fn from_ends(put: OwnedFd, take: OwnedFd, messages: &'static Messages) -> Self {
        Self { put, take, messages }
    }

    /// Both ends.
    #[must_use]
    pub fn ends(&self) -> [BorrowedFd<'_>; 2] {
        [self.put.as_fd(), self.take.as_fd()]
    }

    /// Puts a message there.
    ///
    /// # Errors
    /// There is no room.
    pub fn put(&self, bytes: &[u8], fds: &[OwnedFd]) -> Result<(), Errno> {
        send_all(self.put.as_fd(), bytes, &fds.iter().map(AsFd::as_fd).collect::<Vec<_>>())
    }

    fn next(&self, peek: bool) -> Option<Packet> {
        message(self.take.as_fd(), self.messages.size_max, peek).ok().flatten()
    }

    /// Calls `each` with each message, and removes those that nobody needs any more; gives how many are left.
    ///
    /// A message is removed after its copy was put there: a process that is killed meanwhile leaves two, of which the next call
    /// takes one.
    pub fn sweep(&self, each: &mut dyn FnMut(Vec<u8>, Vec<OwnedFd>)) -> usize {
        let (mut kept, mut seen) = (0_usize, Set::new());
        let mut mark = vec![MARK];
        mark.extend(rustix::process::getpid().as_raw_nonzero().get().to_be_bytes());
        let mut first = None;
        if self.put(&mark, &[]).is_err() {
            // It is full: the first message makes room.
            first = self.next(false);
            if first.is_none() || self.put(&mark, &[]).is_err() {
                return kept;
            }
        }
        loop {
            let mut is_taken = first.is_some();
            let next = first.take().or_else(|| self.next(true));
            let Some((bytes, fds)) = next.filter(|(bytes, _)| !bytes.is_empty()) else { return kept };
            let is_whole = (self.messages.is_whole)(&bytes, &fds);
            if bytes.first() != Some(&MARK) && !is_whole {
                // There are no descriptors for them.
                return kept;
            }
            let is_needed = is_whole
                && seen.insert((self.messages.key)(&bytes, &fds))
                && !(self.messages.has_ended)(&bytes, &fds);
            if is_needed {
                if self.put(&bytes, &fds).is_ok() {
                    kept = kept.saturating_add(1);
                } else if !std::mem::replace(&mut is_taken, true) {
                    let _ = self.next(false);
                    kept = kept.saturating_add(usize::from(self.put(&bytes, &fds).is_ok()));
                }
            }
            if !is_taken {
                let _ = self.next(false);
            }
            if bytes == mark {
                return kept;
            }
            if is_needed {
                each(bytes, fds);
            }
        }
    }
}

/// What has happened to a descriptor.
pub(crate) fn events(fd: BorrowedFd<'_>) -> PollFlags {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    let _ = poll(&mut fds, Some(&Timespec::default()));
    fds.iter().map(PollFd::revents).fold(PollFlags::empty(), |all, one| all | one)
}

/// The next message, with its descriptors; `None` if there is none at the moment.
pub(crate) fn message(socket: BorrowedFd<'_>, size_max: usize, peek: bool) -> Result<Option<Packet>, Errno> {
    let mut bytes = vec![0; size_max];
    let got = match sys::message::receive(socket, &mut bytes, peek) {
        Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
        done => done?,
    };
    bytes.truncate(got.length);
    Ok(Some((bytes, got.fds)))
}

/// Sends descriptors, of which the user may have more on their way than this process may have open.
pub(crate) fn send_all(socket: BorrowedFd<'_>, message: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    match send_with(socket, message, fds) {
        Err(Errno::TOOMANYREFS) => {}
        done => return done.map(drop),
    }
    // It is the soft limit that counts, which may be that of the programs to come.
    let limit = sys::limit::get(Resource::Nofile);
    sys::limit::set(Resource::Nofile, &Rlimit { current: limit.maximum, ..limit })?;
    let sent = send_with(socket, message, fds);
    sys::limit::set(Resource::Nofile, &limit)?;
    sent.map(drop)
}
