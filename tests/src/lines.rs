//! What comes out of a pipe, line by line while it is written.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::case::printable;

/// The lines of a stream until its end.
#[derive(Debug)]
pub struct Lines {
    /// `None` once it has ended.
    stream: Option<OwnedFd>,
    partial: Vec<u8>,
    lines: Vec<String>,
    end: Instant,
}

impl Lines {
    /// Reads `stream`, for `limit` at most: a wait that takes longer fails.
    #[must_use]
    pub fn new(stream: Option<OwnedFd>, limit: Duration) -> Self {
        Self { stream, partial: Vec::new(), lines: Vec::new(), end: Instant::now() + limit }
    }

    /// All complete lines so far, without white space at their ends.
    #[must_use]
    pub fn so_far(&self) -> &[String] {
        &self.lines
    }

    /// The stream, as long as it hasn't ended.
    #[must_use]
    pub fn stream(&self) -> Option<&OwnedFd> {
        self.stream.as_ref()
    }

    /// Waits for a line with this text in it, among those already read or to come.
    pub fn wait_for(&mut self, text: &str) -> Result<(), String> {
        while !self.contains(text) {
            if !self.read()? {
                return Err(format!("ended without {text:?}:\n{}", self.text()));
            }
        }
        Ok(())
    }

    /// Waits until all lines so far are what is wanted.
    pub fn wait_until(&mut self, wanted: impl Fn(&[String]) -> bool) -> Result<(), String> {
        while !wanted(&self.lines) {
            if !self.read()? {
                return Err(format!("ended with:\n{}", self.text()));
            }
        }
        Ok(())
    }

    /// Waits for the end of the stream.
    pub fn to_end(&mut self) -> Result<(), String> {
        while self.read()? {}
        Ok(())
    }

    /// Whether a line has this text in it.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// Fails unless lines with these texts were read, in this order.
    pub fn in_order(&self, texts: &[&str]) -> Result<(), String> {
        let mut lines = self.lines.iter();
        for text in texts {
            if !lines.any(|line| line.contains(text)) {
                return Err(format!("{text:?} isn't there, or not after those before it:\n{}", self.text()));
            }
        }
        Ok(())
    }

    /// All lines so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Waits for more; `false` at the end.
    fn read(&mut self) -> Result<bool, String> {
        let Some(stream) = &self.stream else {
            return Ok(false);
        };
        let left = self.end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|why| why.to_string())?;
        match rustix::event::poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(format!("nothing more comes:\n{}", self.text())),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(why) => return Err(why.to_string()),
        }
        let mut buffer = [0; 8192];
        let n = match rustix::io::read(stream, &mut buffer) {
            // A terminal that no process has open any more.
            Err(rustix::io::Errno::IO) => 0,
            other => other.map_err(|why| why.to_string())?,
        };
        self.partial.extend_from_slice(buffer.get(..n).unwrap_or_default());
        if n == 0 {
            self.stream = None;
            if !self.partial.is_empty() {
                self.partial.push(b'\n');
            }
        }
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            self.lines.push(printable(line.trim_ascii_end()));
        }
        Ok(true)
    }
}
