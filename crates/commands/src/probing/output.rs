//! A service's output on its way to where it would have gone, while somebody looks at its lines.
//!
//! What is looked at is copied out of the pipe by tee(2), and goes on by splice(2): a byte is always either in the service's pipe or
//! where it belongs, whenever this process is killed.  Where splice(2) can't write or might wait, as at a terminal, bytes are
//! written before they are taken from the pipe: there some may come twice.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice, tee};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The longest line that is looked at; what is behind is passed on unseen.
const LINE_MAX: usize = 4096;

/// At most so much is looked at, and passed on, at once.
const PIECE: usize = 16 << 10;

/// The same where bytes are written.
const WRITTEN: usize = 512;

/// After so many pieces others have their turn.
const PIECES: usize = 16;

/// A pipe for what is looked at.
pub(crate) struct Scratch {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Scratch {
    /// An empty one.
    ///
    /// # Errors
    /// As pipe(2).
    pub(crate) fn new() -> Result<Self, Errno> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self { reader, writer })
    }

    /// Copies what is in a pipe, at most so much; nothing at its end.
    pub(crate) fn copy(&self, from: BorrowedFd<'_>, count: usize) -> Result<Vec<u8>, Errno> {
        let count = tee(from, &self.writer, count, SpliceFlags::NONBLOCK)?;
        let mut bytes = vec![0; count];
        let mut done = 0_usize;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match rustix::io::read(&self.reader, rest) {
                Ok(0) => return Err(Errno::IO),
                Ok(more) => done = done.saturating_add(more),
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(bytes)
    }
}

/// What looks at a line, and says whether it wants more.
type Look<'a> = &'a mut dyn FnMut(&[u8]) -> bool;

/// A stream.
pub(crate) struct Stream {
    from: OwnedFd,
    to: OwnedFd,
    /// How many bytes at the beginning of the pipe were looked at.
    seen: usize,
    /// The line that isn't complete.
    line: Vec<u8>,
    /// Whether it is waited for the other end.
    is_blocked: bool,
    /// Whether the target is a pipe.
    splices: bool,
}

impl Stream {
    pub(crate) fn new(from: OwnedFd, to: OwnedFd) -> Self {
        let is_pipe = |st: rustix::fs::Stat| FileType::from_raw_mode(st.st_mode) == FileType::Fifo;
        let splices = sys::fs::fstat(&to).is_ok_and(is_pipe);
        Self { from, to, seen: 0, line: Vec::new(), is_blocked: false, splices }
    }

    /// What is waited for.
    pub(crate) fn wait(&self) -> (BorrowedFd<'_>, PollFlags) {
        if self.is_blocked { (self.to.as_fd(), PollFlags::OUT) } else { (self.from.as_fd(), PollFlags::IN) }
    }

    /// Passes on what is there; `false` at the end.  `look` is called with each line before that goes on.
    pub(crate) fn pass(&mut self, scratch: &Scratch, mut look: Option<Look<'_>>) -> bool {
        for _ in 0..PIECES {
            if let Some(wants) = look.as_mut().filter(|_| self.seen == 0) {
                match scratch.copy(self.from.as_fd(), PIECE) {
                    Ok(bytes) if bytes.is_empty() => return false,
                    Ok(bytes) => {
                        self.seen = bytes.len();
                        if !self.feed(&bytes, *wants) {
                            look = None;
                        }
                    }
                    Err(e) => {
                        self.is_blocked = false;
                        return e == Errno::AGAIN || e == Errno::INTR;
                    }
                }
            }
            let count = if self.seen > 0 { self.seen } else { PIECE };
            match self.shift(scratch, count) {
                Ok(0) => return false,
                Ok(count) => self.seen = self.seen.saturating_sub(count),
                Err(Errno::AGAIN | Errno::INTR) => {
                    self.is_blocked = is_ready(self.from.as_fd(), PollFlags::IN);
                    return true;
                }
                Err(_) => return false,
            }
        }
        self.is_blocked = false;
        true
    }

    /// Moves at most so many bytes; none at the end.
    fn shift(&self, scratch: &Scratch, count: usize) -> Result<usize, Errno> {
        if self.splices {
            return splice(&self.from, None, &self.to, None, count, SpliceFlags::NONBLOCK);
        }
        let bytes = scratch.copy(self.from.as_fd(), count.min(WRITTEN))?;
        if bytes.is_empty() {
            return Ok(0);
        }
        if !is_ready(self.to.as_fd(), PollFlags::OUT) {
            return Err(Errno::AGAIN);
        }
        let written = rustix::io::write(&self.to, &bytes)?;
        let mut taken = vec![0; written];
        rustix::io::retry_on_intr(|| rustix::io::read(&self.from, &mut taken))?;
        Ok(written)
    }

    /// Takes bytes, and calls `look` with the lines that are complete; whether it wants more.
    fn feed(&mut self, bytes: &[u8], look: Look<'_>) -> bool {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = LINE_MAX.saturating_sub(self.line.len());
            self.line.extend_from_slice(text.get(..room).unwrap_or(text));
            if text.len() < piece.len() {
                let wants = look(&self.line);
                self.line.clear();
                if !wants {
                    return false;
                }
            }
        }
        true
    }
}

fn is_ready(fd: BorrowedFd<'_>, events: PollFlags) -> bool {
    poll(&mut [PollFd::from_borrowed_fd(fd, events)], Some(&Timespec::default())).is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};

    fn pipe() -> (OwnedFd, OwnedFd) {
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
    }

    /// What is in a pipe.
    fn rest(from: &OwnedFd) -> Vec<u8> {
        let mut all = Vec::new();
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = rustix::io::read(from, &mut bytes) {
            all.extend_from_slice(&bytes[..count]);
        }
        all
    }

    #[test]
    fn lines_are_seen_before_they_go_on() {
        let ((from, service), (end, to)) = (pipe(), pipe());
        let mut stream = Stream::new(from, to);
        let scratch = Scratch::new().unwrap();
        rustix::io::write(&service, b"one\ntw").unwrap();
        let mut lines = Vec::new();
        let mut look = |line: &[u8]| {
            assert!(rest(&end).is_empty());
            lines.push(line.to_vec());
            lines.len() < 2
        };
        assert!(stream.pass(&scratch, Some(&mut look)));
        assert_eq!(rest(&end), b"one\ntw");
        rustix::io::write(&service, b"o\nthree\n").unwrap();
        let mut look = |line: &[u8]| {
            lines.push(line.to_vec());
            lines.len() < 2
        };
        assert!(stream.pass(&scratch, Some(&mut look)));
        assert_eq!(rest(&end), b"o\nthree\n");
        assert_eq!(lines, [&b"one"[..], b"two"]);
        rustix::io::write(&service, b"four").unwrap();
        drop(service);
        assert!(!stream.pass(&scratch, None));
        assert_eq!(rest(&end), b"four");
    }

    #[test]
    fn a_reader_that_stands_still_is_waited_for() {
        let ((from, service), (end, to)) = (pipe(), pipe());
        let mut stream = Stream::new(from, to);
        let scratch = Scratch::new().unwrap();
        let (mut sent, mut got, mut seen) = (Vec::new(), Vec::new(), 0_usize);
        for number in 0..40_000 {
            let line = format!("{number:>9}\n");
            if rustix::io::write(&service, line.as_bytes()) == Ok(line.len()) {
                sent.extend_from_slice(line.as_bytes());
            }
            if number % 1000 == 999 {
                let mut look = |_: &[u8]| {
                    seen += 1;
                    true
                };
                assert!(stream.pass(&scratch, Some(&mut look)));
            }
        }
        assert_eq!(stream.wait().1, PollFlags::OUT);
        for _ in 0..100 {
            got.extend(rest(&end));
            stream.pass(&scratch, None);
        }
        got.extend(rest(&end));
        assert!(got == sent && seen > 0, "{} {}", got.len(), sent.len());
        drop(end);
        rustix::io::write(&service, b"x").unwrap();
        assert!(!stream.pass(&scratch, None), "nobody reads any more");
    }

    #[test]
    fn a_file_gets_all_and_a_long_line_is_cut_for_the_look() {
        let (from, service) = pipe();
        let mut file = tempfile::tempfile().unwrap();
        let mut stream = Stream::new(from, file.try_clone().unwrap().into());
        let scratch = Scratch::new().unwrap();
        let text = [&[b'x'; 5000][..], b"\nshort\n"].concat();
        std::fs::File::from(service).write_all(&text).unwrap();
        let mut lengths = Vec::new();
        let mut look = |line: &[u8]| {
            lengths.push(line.len());
            true
        };
        while stream.pass(&scratch, Some(&mut look)) {}
        let mut written = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut written).unwrap();
        assert_eq!((written == text, lengths), (true, vec![4096, 5]));
    }
}
