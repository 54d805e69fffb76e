//! Between a person's terminal and the container's: raw mode, and bytes both ways.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios};

/// The two ends, standard input and output in raw mode until this is dropped.
pub struct Relay {
    saved: Termios,
    master: File,
}

impl Relay {
    /// Puts the terminal in raw mode; an error if standard input isn't one.
    pub fn new(master: OwnedFd) -> io::Result<Self> {
        let input = rustix::stdio::stdin();
        let saved = rustix::termios::tcgetattr(input)?;
        let mut raw = saved.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(input, OptionalActions::Now, &raw)?;
        let relay = Self { saved, master: master.into() };
        relay.resize();
        Ok(relay)
    }

    /// The container's end, to wait for.
    pub fn master(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// Gives the container's terminal the size of the person's.
    pub fn resize(&self) {
        if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdin()) {
            // Only how things look.
            let _ = rustix::termios::tcsetwinsize(&self.master, size);
        }
    }

    /// Passes on what was typed; `false` at its end.
    pub fn typed(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let n = rustix::io::read(rustix::stdio::stdin(), &mut buffer)?;
        self.master.write_all(buffer.get(..n).unwrap_or_default())?;
        Ok(n > 0)
    }

    /// Passes the container's output on; `false` once no process in it holds the terminal.
    pub fn said(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let n = match rustix::io::read(&self.master, &mut buffer) {
            Err(Errno::IO) => 0,
            other => other?,
        };
        let mut out = io::stdout().lock();
        out.write_all(buffer.get(..n).unwrap_or_default())?;
        out.flush()?;
        Ok(n > 0)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // The last thing to do; there is no way to report a failure.
        let _ = rustix::termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.saved);
    }
}
