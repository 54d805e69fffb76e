//! Standard input or a file, line by line, for filters.

use crate::{Fatal, OrUnable, Out, diag};
use posix_regex::bytes::find_either;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::stdio::stdin;
use std::os::fd::OwnedFd;

/// A line of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line without its separator.
    pub text: &'a [u8],
    /// Whether it ended with the separator; the input's last line may not.
    pub is_terminated: bool,
}

/// Lines of standard input or of a file.
///
/// The filter's output is flushed before each wait for input, so that no line is delayed.
#[derive(Debug)]
pub struct Input {
    /// The file; standard input if there is none.
    file: Option<OwnedFd>,
    name: String,
    separators: [u8; 2],
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// The part before this place has no separator.
    scanned: usize,
    at_end: bool,
}

const CHUNK: usize = 64 * 1024;

impl Input {
    /// Lines that end with newlines.
    #[must_use]
    pub fn lines() -> Self {
        Self::separated_by([b'\n'; 2])
    }

    /// Lines that end with either of these bytes.
    #[must_use]
    pub fn separated_by(separators: [u8; 2]) -> Self {
        let (file, name) = (None, String::from("standard input"));
        Self { file, name, separators, buf: Vec::new(), start: 0, end: 0, scanned: 0, at_end: false }
    }

    /// Lines of a file that end with newlines; `-` is standard input.
    ///
    /// # Errors
    /// The file can't be opened: code 111.
    pub fn file(path: &[u8]) -> Result<Self, Fatal> {
        if path == b"-" {
            return Ok(Self::lines());
        }
        let name = diag::shown(path);
        let fd = sys::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .or_unable(|| format!("open {name}"))?;
        Ok(Self { file: Some(fd), name, ..Self::lines() })
    }

    /// The next bytes, as many as one read gives; `None` at the end.
    ///
    /// # Errors
    /// As [`Input::next`].
    pub fn chunk(&mut self, out: &mut Out) -> Result<Option<&[u8]>, Fatal> {
        while self.start == self.end {
            if self.at_end {
                return Ok(None);
            }
            out.flush()?;
            self.fill()?;
        }
        let start = std::mem::replace(&mut self.start, self.end);
        self.scanned = self.end;
        Ok(self.buf.get(start..self.end))
    }

    /// The next line; `None` at the end of the input.  `out` is flushed before reading.
    ///
    /// # Errors
    /// Reading or writing failed: code 111.
    pub fn next(&mut self, out: &mut Out) -> Result<Option<Line<'_>>, Fatal> {
        loop {
            let unseen = self.buf.get(self.scanned..self.end).unwrap_or_default();
            let [a, b] = self.separators;
            if let Some(i) = find_either(unseen, a, b) {
                let (start, end) = (self.start, self.scanned + i);
                (self.start, self.scanned) = (end + 1, end + 1);
                let text = self.buf.get(start..end).unwrap_or_default();
                return Ok(Some(Line { text, is_terminated: true }));
            }
            self.scanned = self.end;
            if self.at_end {
                let start = std::mem::replace(&mut self.start, self.end);
                let text = self.buf.get(start..self.end).unwrap_or_default();
                return Ok((!text.is_empty()).then_some(Line { text, is_terminated: false }));
            }
            out.flush()?;
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), Fatal> {
        self.buf.copy_within(self.start..self.end, 0);
        (self.end, self.scanned) = (self.end - self.start, self.scanned - self.start);
        self.start = 0;
        if self.buf.len() < self.end + CHUNK {
            // Doubling keeps the copying of a long line linear.
            let wanted = (self.end + CHUNK).max(self.end.saturating_mul(2));
            self.buf.resize(wanted, 0);
        }
        let room = self.buf.get_mut(self.end..).unwrap_or_default();
        let got = match &self.file {
            Some(fd) => rustix::io::read(fd, room),
            None => rustix::io::read(stdin(), room),
        };
        match got {
            Err(Errno::INTR) => {}
            done => match done.or_unable(|| format!("read {}", self.name))? {
                0 => self.at_end = true,
                n => self.end += n,
            },
        }
        Ok(())
    }

    /// The rest of the input.
    ///
    /// # Errors
    /// As [`Input::next`].
    pub fn rest(mut self) -> Result<Vec<u8>, Fatal> {
        while !self.at_end {
            self.fill()?;
        }
        self.buf.truncate(self.end);
        self.buf.drain(..self.start);
        Ok(self.buf)
    }
}
