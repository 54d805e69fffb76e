//! The output of a container, line by line while it runs, and how it ends.

use std::io;
use std::time::Duration;

use rustix::termios::Winsize;
use sandbox::{Container, Sandbox, Streams};

use crate::lines::Lines;

/// How long a test waits for what has to come.  Nothing is that slow, so a test that reaches it fails.
const LIMIT: Duration = Duration::from_secs(60);

/// A running container and its output, both streams in their order.
#[derive(Debug)]
pub struct Transcript {
    container: Container,
    lines: Lines,
}

impl Transcript {
    /// Starts a container.
    pub fn start(sandbox: &Sandbox) -> io::Result<Self> {
        let mut container = sandbox.clone().streams(Streams::Together).start()?;
        let stream = container.take_stdout();
        Ok(Self { container, lines: Lines::new(stream, LIMIT) })
    }

    /// Starts a container on its own terminal.
    pub fn on_terminal(sandbox: &Sandbox) -> io::Result<Self> {
        let mut container = sandbox.clone().streams(Streams::Terminal).start()?;
        let stream = container.take_terminal();
        Ok(Self { container, lines: Lines::new(stream, LIMIT) })
    }

    /// Types into the container's terminal.
    pub fn type_in(&self, text: &str) -> Result<(), String> {
        let terminal = self.lines.stream().ok_or("the container has no terminal any more")?;
        rustix::io::write(terminal, text.as_bytes()).map(drop).map_err(|why| why.to_string())
    }

    /// Changes the size of the container's terminal.
    pub fn resize(&self, size: Winsize) -> Result<(), String> {
        let terminal = self.lines.stream().ok_or("the container has no terminal any more")?;
        rustix::termios::tcsetwinsize(terminal, size).map_err(|why| why.to_string())
    }

    /// The container.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// All complete lines so far.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.lines.so_far()
    }

    /// Waits for a line with this text in it, among those already read or to come.
    pub fn wait_for(&mut self, text: &str) -> Result<(), String> {
        self.lines.wait_for(text)
    }

    /// Waits until all lines so far are what is wanted.
    pub fn wait_until(&mut self, wanted: impl Fn(&[String]) -> bool) -> Result<(), String> {
        self.lines.wait_until(wanted)
    }

    /// Waits for the end; gives the exit code.
    pub fn finish(&mut self) -> Result<u8, String> {
        self.lines.to_end()?;
        self.container.wait().map_err(|why| why.to_string())
    }

    /// Whether a line has this text in it.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.lines.contains(text)
    }

    /// Fails unless lines with these texts were read, in this order.
    pub fn in_order(&self, texts: &[&str]) -> Result<(), String> {
        self.lines.in_order(texts)
    }

    /// All lines so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.text()
    }
}
