//! Standard input, line by line, for filters.

use crate::{Fatal, OrUnable, Out};
use rustix::io::Errno;
use rustix::stdio::stdin;

/// A line of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line without its separator.
    pub text: &'a [u8],
    /// Whether it ended with the separator; the input's last line may not.
    pub is_terminated: bool,
}

/// Lines of standard input.
///
/// Before it waits for input, it writes what the filter has put out: nobody waits for a line longer than needed.
#[derive(Debug)]
pub struct Input {
    separators: &'static [u8],
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// Up to here there is no separator.
    scanned: usize,
    at_end: bool,
}

const CHUNK: usize = 64 * 1024;

impl Input {
    /// Lines that end with newlines.
    #[must_use]
    pub fn lines() -> Self {
        Self::separated_by(b"\n")
    }

    /// Lines that end with any of these bytes.
    #[must_use]
    pub fn separated_by(separators: &'static [u8]) -> Self {
        Self { separators, buf: Vec::new(), start: 0, end: 0, scanned: 0, at_end: false }
    }

    /// The next line; `None` at the end of the input.  `out` is flushed before reading.
    ///
    /// # Errors
    /// Reading or writing failed: code 111.
    pub fn next(&mut self, out: &mut Out) -> Result<Option<Line<'_>>, Fatal> {
        loop {
            let unseen = self.buf.get(self.scanned..self.end).unwrap_or_default();
            if let Some(i) = unseen.iter().position(|b| self.separators.contains(b)) {
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
        match rustix::io::read(stdin(), room) {
            Err(Errno::INTR) => {}
            done => match done.or_unable(|| "read standard input")? {
                0 => self.at_end = true,
                n => self.end += n,
            },
        }
        Ok(())
    }

    /// All that is left of the input.
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
