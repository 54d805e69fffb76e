//! One of the container's streams, with the pipes whose lines go there.

use super::lines::{LINE_MAX, Lines};
use ipc::relay::Stream;
use rustix::event::{PollFd, PollFlags, epoll};
use rustix::io::Errno;
use std::collections::HashMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use tool::clock;

/// One of the container's streams.
pub(crate) struct Sink {
    pub(crate) stream: Stream,
    /// Its pipes.
    pub(crate) poller: OwnedFd,
    sources: HashMap<u64, (OwnedFd, Lines)>,
    next: u64,
    /// What waits to be written.
    out: Vec<u8>,
    /// Everything before this was written.
    written: usize,
}

impl Sink {
    pub(crate) fn new(stream: Stream) -> Result<Self, Errno> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { stream, poller, sources: HashMap::new(), next: 0, out: Vec::new(), written: 0 })
    }

    pub(crate) fn add(&mut self, fd: OwnedFd, lines: Lines) -> Result<(), Errno> {
        let key = self.next;
        self.next = self.next.wrapping_add(1);
        epoll::add(&self.poller, &fd, epoll::EventData::new_u64(key), epoll::EventFlags::IN)?;
        self.sources.insert(key, (fd, lines));
        Ok(())
    }

    /// The container's stream.
    pub(crate) fn end(&self) -> BorrowedFd<'static> {
        match self.stream {
            Stream::Output => rustix::stdio::stdout(),
            Stream::Error => rustix::stdio::stderr(),
        }
    }

    /// Whether a pipe is left.
    pub(crate) fn has_pipes(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Whether something waits to be written.
    pub(crate) fn waits(&self) -> bool {
        self.written < self.out.len()
    }

    /// Reads once from one pipe that has something; the kernel takes them in turn.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<(), Errno> {
        let mut events = Vec::with_capacity(1);
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.poller, rustix::buffer::spare_capacity(&mut events), Some(&now))?;
        for event in events {
            self.read_from(event.data.u64(), buffer);
        }
        Ok(())
    }

    /// Whether there was something, or an end.
    fn read_from(&mut self, key: u64, buffer: &mut [u8]) -> bool {
        let Some((fd, lines)) = self.sources.get_mut(&key) else { return false };
        match rustix::io::read(fd, &mut *buffer) {
            Err(Errno::AGAIN | Errno::INTR) => false,
            Ok(count) if count > 0 => {
                lines.feed(buffer.get(..count).unwrap_or_default(), clock::wall(), &mut self.out);
                true
            }
            Ok(_) | Err(_) => {
                lines.end(clock::wall(), &mut self.out);
                self.sources.remove(&key);
                true
            }
        }
    }

    /// Writes once, whole lines that a pipe takes in one piece: so they stay whole beside those of other writers.
    pub(crate) fn write(&mut self) {
        let rest = self.out.get(self.written..).unwrap_or_default();
        let most = rest.get(..LINE_MAX).unwrap_or(rest);
        let whole =
            most.iter().rposition(|byte| *byte == b'\n').map_or(most.len(), |at| at.saturating_add(1));
        let chunk = most.get(..whole).unwrap_or(most);
        match rustix::io::write(self.end(), chunk) {
            Ok(count) => self.written = self.written.saturating_add(count),
            Err(Errno::AGAIN | Errno::INTR) => return,
            // It has no reader any more, and never will.
            Err(_) => self.written = self.out.len(),
        }
        if !self.waits() {
            self.out.clear();
            self.written = 0;
        }
    }

    /// Reads what is there and writes all of it.
    pub(crate) fn drain(&mut self, buffer: &mut [u8]) {
        let keys: Vec<u64> = self.sources.keys().copied().collect();
        for key in keys {
            while self.read_from(key, buffer) {
                self.write_all();
            }
            if let Some((_, mut lines)) = self.sources.remove(&key) {
                lines.end(clock::wall(), &mut self.out);
            }
            self.write_all();
        }
    }

    fn write_all(&mut self) {
        while self.waits() {
            self.write();
            if self.waits() {
                let _ =
                    rustix::event::poll(&mut [PollFd::from_borrowed_fd(self.end(), PollFlags::OUT)], None);
            }
        }
    }
}
