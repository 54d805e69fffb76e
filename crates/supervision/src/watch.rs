//! The letters of many fifodirs through one poller, with a deadline.

use crate::fifodir::{Listener, Unique};
use rustix::event::{PollFd, PollFlags, Timespec, epoll};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tool::clock::{self, Moment};

/// Listeners in any number of fifodirs.
///
/// It is itself a descriptor, readable when [`Watch::next`] has letters, for loops that also wait for other things.
#[derive(Debug)]
pub struct Watch {
    poller: OwnedFd,
    listeners: Vec<Option<Listener>>,
    ready: VecDeque<usize>,
    unique: Unique,
}

impl Watch {
    /// A watch without listeners.
    ///
    /// # Errors
    /// No poller can be made.
    pub fn new() -> Result<Self, Errno> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { poller, listeners: Vec::new(), ready: VecDeque::new(), unique: Unique::default() })
    }

    /// Listens in a fifodir from now on; gives the index that its letters come with: 0, 1, …
    ///
    /// # Errors
    /// As [`Listener::new`].
    pub fn add(&mut self, fifodir: &[u8]) -> Result<usize, Errno> {
        let listener = Listener::with(fifodir, self.unique.next())?;
        let index = self.listeners.len();
        let data = epoll::EventData::new_u64(u64::try_from(index).unwrap_or(u64::MAX));
        epoll::add(&self.poller, listener.as_fd(), data, epoll::EventFlags::IN)?;
        self.listeners.push(Some(listener));
        Ok(index)
    }

    /// The descriptors that a child must not inherit.
    #[must_use]
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let listeners = self.listeners.iter().flatten().map(AsFd::as_fd);
        std::iter::once(self.poller.as_fd()).chain(listeners).collect()
    }

    /// Stops listening in the fifodir with this index.
    pub fn remove(&mut self, index: usize) {
        if let Some(slot) = self.listeners.get_mut(index) {
            *slot = None;
        }
    }

    /// The next letters and the index of their fifodir; `None` when the deadline has passed.  Without a deadline it waits
    /// for ever.
    ///
    /// # Errors
    /// The poller failed.
    pub fn next(&mut self, deadline: Option<Moment>) -> Result<Option<(usize, Vec<u8>)>, Errno> {
        loop {
            if let Some(next) = self.next_found()? {
                return Ok(Some(next));
            }
            let left = deadline.map(|d| d.saturating_sub(clock::now()));
            let timeout = left.and_then(|l| Timespec::try_from(l).ok());
            let mut events = Vec::with_capacity(64);
            match epoll::wait(&self.poller, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
            self.ready.extend(events.iter().filter_map(|e| usize::try_from(e.data.u64()).ok()));
            if events.is_empty() && deadline.is_some_and(|d| d <= clock::now()) {
                return Ok(None);
            }
        }
    }

    /// As [`Watch::next`], of those that its last wait has found.  What comes meanwhile makes the descriptor readable.
    ///
    /// # Errors
    /// A listener can't be read.
    pub fn next_found(&mut self) -> Result<Option<(usize, Vec<u8>)>, Errno> {
        while let Some(index) = self.ready.pop_front() {
            if let Some(Some(listener)) = self.listeners.get(index) {
                let letters = listener.read()?;
                if !letters.is_empty() {
                    return Ok(Some((index, letters)));
                }
            }
        }
        Ok(None)
    }

    /// Waits until [`Watch::next`] has letters or `other` is readable; `false` after the deadline.
    ///
    /// # Errors
    /// poll(2) failed.
    pub fn wait_with(&self, other: BorrowedFd<'_>, deadline: Option<Moment>) -> Result<bool, Errno> {
        if !self.ready.is_empty() {
            return Ok(true);
        }
        loop {
            let mut fds =
                [PollFd::new(&self.poller, PollFlags::IN), PollFd::from_borrowed_fd(other, PollFlags::IN)];
            let left = deadline.map(|d| d.saturating_sub(clock::now()));
            let timeout = left.and_then(|l| Timespec::try_from(l).ok());
            match rustix::event::poll(&mut fds, timeout.as_ref()) {
                Err(Errno::INTR) => {}
                Ok(0) if deadline.is_none_or(|d| d > clock::now()) => {}
                done => return done.map(|n| n > 0),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fifodir;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn letters_come_with_the_index_of_their_fifodir() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|n| dir.path().join(n).as_os_str().as_bytes().to_vec());
        let mut watch = Watch::new().unwrap();
        for path in &paths {
            fifodir::make(path, None, false).unwrap();
            watch.add(path).unwrap();
        }
        fifodir::notify(&paths[1], b"ud").unwrap();
        assert_eq!(watch.next(None).unwrap(), Some((1, b"ud".to_vec())));
        fifodir::notify(&paths[0], b"u").unwrap();
        assert_eq!(watch.next(None).unwrap(), Some((0, b"u".to_vec())));
        assert_eq!(watch.next(Some(Moment::ZERO)).unwrap(), None);
        watch.remove(0);
        assert_eq!(fifodir::notify(&paths[0], b"u").unwrap(), 0);
    }
}
