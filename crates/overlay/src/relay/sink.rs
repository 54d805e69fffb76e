//! One of the container's streams, with the pipes whose lines are written to it.

use super::keep::Kept;
use super::lines::{LINE_MAX, Lines};
use ipc::relay::Stream;
use rustix::event::epoll;
use rustix::io::Errno;
use std::os::fd::{BorrowedFd, OwnedFd};
use tool::clock;
use tool::sorted::Map;

/// One of the container's streams.
pub(crate) struct Sink<'a> {
    pub(crate) stream: Stream,
    /// The descriptor that the lines are written to.
    pub(crate) target: BorrowedFd<'a>,
    /// Readable if one of the pipes is.
    pub(crate) poller: OwnedFd,
    /// The pipes by their inode.
    sources: Map<u64, Source>,
    /// Lines to write.
    out: Vec<u8>,
    /// How many bytes of `out` are written already.
    written: usize,
}

/// A pipe of a service.
struct Source {
    fd: OwnedFd,
    lines: Lines,
    kept: Option<Kept>,
}

impl Source {
    /// Takes bytes that were read.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let now = clock::wall();
        self.lines.feed(bytes, now, out);
        if let Some(kept) = &mut self.kept {
            kept.feed(bytes, now);
        }
    }

    /// Ends the last line.
    fn end(&mut self, out: &mut Vec<u8>) {
        let now = clock::wall();
        self.lines.end(now, out);
        if let Some(kept) = &mut self.kept {
            kept.end(now);
        }
    }
}

impl<'a> Sink<'a> {
    /// A stream without pipes, whose lines are written to `target`.
    ///
    /// # Errors
    /// See epoll_create1(2).
    pub(crate) fn new(stream: Stream, target: BorrowedFd<'a>) -> Result<Self, Errno> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { stream, target, poller, sources: Map::new(), out: Vec::new(), written: 0 })
    }

    /// Adds a pipe, which doesn't block, with the form of its lines, and what is kept of it, unless it has the pipe.
    ///
    /// # Errors
    /// See epoll_ctl(2).
    pub(crate) fn add(&mut self, fd: OwnedFd, lines: Lines, kept: Option<Kept>) -> Result<(), Errno> {
        let key = sys::fs::fstat(&fd)?.st_ino;
        if self.sources.contains(&key) {
            return Ok(());
        }
        epoll::add(&self.poller, &fd, epoll::EventData::new_u64(key), epoll::EventFlags::IN)?;
        self.sources.set(key, Source { fd, lines, kept });
        Ok(())
    }

    /// Whether a pipe still has a writer.
    pub(crate) fn has_pipes(&self) -> bool {
        !self.sources.is_empty()
    }

    /// How many pipes there are.
    pub(crate) fn count(&self) -> usize {
        self.sources.len()
    }

    /// Whether there are lines to write.
    pub(crate) fn waits(&self) -> bool {
        self.written < self.out.len()
    }

    /// Reads once from one readable pipe; the kernel serves them in turn.  Whether there was one.
    ///
    /// # Errors
    /// See epoll_wait(2).
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<bool, Errno> {
        let mut events = Vec::with_capacity(1);
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.poller, rustix::buffer::spare_capacity(&mut events), Some(&now))?;
        let any = !events.is_empty();
        for event in events {
            self.read_from(event.data.u64(), buffer);
        }
        Ok(any)
    }

    /// Reads once; whether there were bytes or the end of the pipe.
    fn read_from(&mut self, key: u64, buffer: &mut [u8]) -> bool {
        let Some(source) = self.sources.get_mut(&key) else { return false };
        match rustix::io::read(&source.fd, &mut *buffer) {
            Err(Errno::AGAIN | Errno::INTR) => false,
            Ok(count) if count > 0 => {
                source.feed(buffer.get(..count).unwrap_or_default(), &mut self.out);
                true
            }
            Ok(_) | Err(_) => {
                source.end(&mut self.out);
                self.sources.remove(&key);
                true
            }
        }
    }

    /// Closes all pipes, and ends their last lines.
    pub(crate) fn close_pipes(&mut self) {
        for mut source in std::mem::take(&mut self.sources).into_values() {
            source.end(&mut self.out);
        }
    }

    /// Gives up: how many bytes are not written, with what is in the pipes at the moment, which are closed then.
    pub(crate) fn give_up(&mut self, buffer: &mut [u8]) -> usize {
        let mut missing = self.out.len().saturating_sub(self.written);
        (self.out, self.written) = (Vec::new(), 0);
        for mut source in std::mem::take(&mut self.sources).into_values() {
            // A process may still write to it.
            let mut rest = rustix::io::ioctl_fionread(&source.fd).unwrap_or(0);
            while rest > 0
                && let Ok(count @ 1..) = rustix::io::read(&source.fd, &mut *buffer)
            {
                rest = rest.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                source.feed(buffer.get(..count).unwrap_or_default(), &mut self.out);
                missing = missing.saturating_add(self.out.len());
                self.out.clear();
            }
            source.end(&mut self.out);
            missing = missing.saturating_add(self.out.len());
            self.out.clear();
        }
        missing
    }

    /// Writes once: whole lines, at most as many bytes as a pipe takes atomically, so that lines of other processes don't
    /// split them.  What can't be written now waits; what nobody can read any more is dropped.
    pub(crate) fn write(&mut self) {
        let rest = self.out.get(self.written..).unwrap_or_default();
        let piece = rest.get(..LINE_MAX).unwrap_or(rest);
        let whole =
            piece.iter().rposition(|byte| *byte == b'\n').map_or(piece.len(), |at| at.saturating_add(1));
        let chunk = piece.get(..whole).unwrap_or(piece);
        match rustix::io::write(self.target, chunk) {
            Ok(count) => self.written = self.written.saturating_add(count),
            Err(Errno::AGAIN | Errno::INTR) => return,
            // The target has no reader any more and gets none.
            Err(_) => self.written = self.out.len(),
        }
        if !self.waits() {
            self.out.clear();
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests;
