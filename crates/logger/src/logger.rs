//! The loop of `s6-log`: one wait for input, for signals, for standard output to take more, and for what log directories
//! retry.
//!
//! Nothing that was read is dropped: the loop ends when every output has taken its lines.

use crate::feed::{Feed, Outputs, Waiting};
use crate::lines::Lines;
use crate::logdir::LogDir;
use crate::logdir::system::Linux;
use crate::script::{Script, Target};
use files::{Permissions, Queue, Replace, Writers, replace_at};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdin, stdout};
use std::fmt::Display;
use std::os::fd::RawFd;
use std::time::Duration;
use sys::signal::{self, Set, SignalFd};
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, OrUnable, Outcome, diag};

/// Reading pauses while at least so many bytes wait to be written.
const PENDING_LIMIT: usize = 16 * 1024 * 1024;

/// The line limit, unless another one is asked for, in bytes.
pub const DEFAULT_LINE_LIMIT: usize = 8192;

/// The smallest line limit that can be asked for, in bytes.
pub const MIN_LINE_LIMIT: usize = 48;

/// How long a logger that is told to exit waits for the end of a line, unless another time is asked for.
pub const DEFAULT_LINE_END_LIMIT: Duration = Duration::from_secs(2);

/// How a logger works, besides its script.
#[derive(Debug)]
pub struct Settings {
    /// Warn of nothing.
    pub is_quiet: bool,
    /// Don't read while something isn't written yet.
    pub is_blocking: bool,
    /// SIGTERM ends nothing.
    pub ignores_term: bool,
    /// When told to exit, how long the end of a line is waited for; `None`: for ever.
    pub line_end_limit: Option<Duration>,
    /// Longer lines are split, in bytes; 0: never.
    pub line_limit: usize,
    /// The descriptor that gets a newline when the logger is ready.
    pub notification: Option<RawFd>,
    /// The program that runs processors of directive `?`.
    pub execlineb: Vec<u8>,
}

/// Prints warnings, unless the logger is quiet.
#[derive(Debug, Clone, Copy)]
struct Reporter {
    tool: &'static str,
    is_quiet: bool,
}

impl Reporter {
    fn warn(self, text: impl Display) {
        if !self.is_quiet {
            diag::warn(self.tool, text);
        }
    }

    fn warn_all(self, texts: &[String]) {
        texts.iter().for_each(|text| self.warn(text));
    }
}

/// What is still expected on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// Told to exit: so many bytes that had been written before that.  In a stop no other process would read them.
    Rest(u64),
    /// Told to exit: only the rest of a line, until that moment.
    LastLine(Option<Moment>),
    Closed,
}

/// A logger with its directories open.
pub struct Logger {
    reporter: Reporter,
    is_blocking: bool,
    ignores_term: bool,
    line_end_limit: Option<Duration>,
    lines: Lines,
    feed: Feed,
    outputs: Outputs,
    dirs: Vec<LogDir<Linux>>,
    system: Linux,
    signals: SignalFd,
    input: Input,
    /// Whether a failure of standard output would be news.
    stdout_works: bool,
}

impl Logger {
    /// Opens the log directories of `script`, takes over the signals, and notifies that it is ready.
    ///
    /// # Errors
    /// A log directory can't be opened, or is in use; the system failed: code 111.
    pub fn open(script: Script, settings: Settings, call: &Call) -> Result<Self, Fatal> {
        let env = call.env.strings().or_unable(|| "copy the environment")?;
        let system = Linux { execlineb: settings.execlineb, env };
        let (dirs, indexes) = open_dirs(&script, &system)?;
        let waiting = dirs.iter().map(|_| Waiting::default()).collect();
        let mut outputs = Outputs { dirs: waiting, ..Outputs::default() };
        let feed = Feed::new(script, indexes.into_iter(), &mut outputs);

        signal::set_ignored(signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
        let set = Set::of(&[signal::TERM, signal::HUP, signal::ALRM, signal::CHLD]);
        let signals = SignalFd::new(&set).or_unable(|| "make a signal descriptor")?;
        if let Some(number) = settings.notification {
            let written = sys::fd::with(number, |fd| rustix::io::write(fd, b"\n"));
            written.or_unable(|| "notify")?;
            sys::fd::close(number);
        }
        Ok(Self {
            reporter: Reporter { tool: call.tool.name, is_quiet: settings.is_quiet },
            is_blocking: settings.is_blocking,
            ignores_term: settings.ignores_term,
            line_end_limit: settings.line_end_limit,
            lines: Lines::new(settings.line_limit),
            feed,
            outputs,
            dirs,
            system,
            signals,
            input: Input::Open,
            stdout_works: true,
        })
    }

    /// Logs until the input has ended, or SIGTERM or SIGHUP came, and everything is written.
    ///
    /// # Errors
    /// It can't wait for events, or for its processors: code 111.
    pub fn run(mut self) -> Outcome {
        loop {
            self.write_dirs();
            let pending = self.pending();
            if self.input == Input::Closed && pending == 0 && !self.dirs.iter().any(|d| d.is_busy()) {
                break;
            }
            let reading = match self.input {
                Input::Open | Input::Rest(_) => pending < PENDING_LIMIT && !(self.is_blocking && pending > 0),
                Input::LastLine(_) => true,
                Input::Closed => false,
            };
            let writing = !self.outputs.stdout.is_empty();
            let (signaled, readable, writable) = self.wait(reading, writing)?;
            if signaled {
                self.take_signals()?;
            }
            if writable {
                self.write_stdout();
            }
            if readable && self.input != Input::Closed {
                self.read();
            }
            let now = clock::now();
            if matches!(self.input, Input::LastLine(Some(until)) if until <= now) {
                self.end_input();
            }
            self.dirs.iter_mut().for_each(|d| d.wake(now, &self.system));
        }
        for dir in self.dirs {
            self.reporter.warn_all(&dir.finish(&self.system));
        }
        Ok(Next::SUCCESS)
    }

    fn pending(&self) -> usize {
        self.outputs.stdout.len() + self.outputs.dirs.iter().map(|d| d.bytes.len()).sum::<usize>()
    }

    /// Waits for something to do: whether there are signals, and whether standard input and output are ready.
    fn wait(&self, reading: bool, writing: bool) -> Result<(bool, bool, bool), Fatal> {
        let own = match self.input {
            Input::LastLine(until) => until,
            _ => None,
        };
        let deadline = self.dirs.iter().filter_map(LogDir::deadline).chain(own).min();
        let left = deadline.map(|d| d.saturating_sub(clock::now()));
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if reading {
            fds.push(PollFd::from_borrowed_fd(stdin(), PollFlags::IN));
        }
        if writing {
            fds.push(PollFd::from_borrowed_fd(stdout(), PollFlags::OUT));
        }
        match poll(&mut fds, left.and_then(|l| Timespec::try_from(l).ok()).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Fatal::unable("poll", e)),
        }
        let mut events = fds.iter().map(|fd| !fd.revents().is_empty());
        let signaled = events.next().unwrap_or(false);
        let readable = reading && events.next().unwrap_or(false);
        let writable = writing && events.next().unwrap_or(false);
        Ok((signaled, readable, writable))
    }

    fn take_signals(&mut self) -> Result<(), Fatal> {
        while let Some(number) = self.signals.read().or_unable(|| "read signals")? {
            match number {
                signal::ALRM => self.dirs.iter_mut().for_each(|d| d.rotate(&self.system)),
                signal::CHLD => self.reap()?,
                signal::TERM if self.ignores_term => {}
                _ if self.input != Input::Open => {}
                _ => match rustix::io::ioctl_fionread(stdin()) {
                    Ok(bytes) if bytes > 0 => self.input = Input::Rest(bytes),
                    _ => self.end_after_line(),
                },
            }
        }
        Ok(())
    }

    /// Ends the input, after the line that has begun.
    fn end_after_line(&mut self) {
        if self.lines.has_partial() {
            self.input = Input::LastLine(self.line_end_limit.map(|p| clock::now() + p));
        } else {
            self.end_input();
        }
    }

    fn reap(&mut self) -> Result<(), Fatal> {
        loop {
            match sys::process::reap() {
                Ok(Some((pid, how))) => {
                    let system = &self.system;
                    self.dirs.iter_mut().any(|d| d.handle_end(pid, how, system));
                }
                Ok(None) | Err(Errno::CHILD) => return Ok(()),
                Err(e) => return Err(Fatal::unable("wait for a processor", e)),
            }
        }
    }

    /// Reads once: a lot, or, where only the rest of a line is wanted, a byte, so that the next logger gets what follows.
    fn read(&mut self) {
        let most = match self.input {
            Input::Rest(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            Input::LastLine(_) => 1,
            Input::Open | Input::Closed => usize::MAX,
        };
        let room = self.lines.room();
        let most = most.min(room.len());
        let room = room.get_mut(..most).unwrap_or_default();
        match rustix::io::read(stdin(), room) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(0) => self.end_input(),
            Err(e) => {
                self.reporter.warn(format_args!("unable to read standard input: {}", sys::strerror(e)));
                self.end_input();
            }
            Ok(n) => {
                self.lines.filled(n);
                let any = self.take_lines();
                match self.input {
                    Input::LastLine(_) if any => self.end_input(),
                    Input::Rest(bytes) => match bytes.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX)) {
                        0 => self.end_after_line(),
                        rest => self.input = Input::Rest(rest),
                    },
                    _ => {}
                }
            }
        }
    }

    fn stamp_lines(&mut self) {
        if self.feed.is_stamped() {
            self.feed.set_time(clock::wall());
        }
    }

    /// Feeds the lines that are there; returns whether there was one.
    fn take_lines(&mut self) -> bool {
        self.stamp_lines();
        let mut any = false;
        while let Some(line) = self.lines.next() {
            self.feed.line(line, &mut self.outputs);
            any = true;
        }
        self.write_at_once();
        any
    }

    /// Nothing more is read; a line without an end counts as it is.
    fn end_input(&mut self) {
        self.input = Input::Closed;
        self.stamp_lines();
        if let Some(line) = self.lines.last() {
            self.feed.line(line, &mut self.outputs);
        }
        self.write_at_once();
    }

    /// Writes what isn't queued: alerts and status files.
    fn write_at_once(&mut self) {
        let mut rest = self.outputs.alerts.as_slice();
        while let Some(n) = (!rest.is_empty()).then(|| rustix::io::write(stderr(), rest)) {
            match n {
                Err(Errno::INTR) => {}
                Ok(n) if n > 0 => rest = rest.get(n..).unwrap_or_default(),
                _ => break, // no process reads them
            }
        }
        self.outputs.alerts.clear();
        let how = Replace::with(Permissions::LessUmask(0o666), Writers::One);
        for status in &mut self.outputs.statuses {
            let Some(content) = status.content.take() else { continue };
            let failed = replace_at(CWD, &status.file, &content, how).err();
            if let Some(e) = failed.filter(|_| !status.failing) {
                let file = diag::show(&status.file);
                self.reporter.warn(format_args!("unable to write {file}: {}", sys::strerror(e)));
            }
            status.failing = failed.is_some();
        }
    }

    /// Writes what log directories take now; the rest is kept as bytes, so that the room can be read into again.
    fn write_dirs(&mut self) {
        let read = self.lines.read();
        for (dir, out) in self.dirs.iter_mut().zip(&mut self.outputs.dirs) {
            if out.bytes.is_empty() {
                out.run.start += dir.write(read.get(out.run.clone()).unwrap_or_default(), &self.system);
            }
            out.end_run(read);
            let done = dir.write(out.bytes.bytes(), &self.system);
            out.bytes.take(done);
            self.reporter.warn_all(&dir.take_warnings());
        }
    }

    fn write_stdout(&mut self) {
        let Err(e) = self.outputs.stdout.write_some(stdout()) else { return };
        // What comes after this goes to /dev/null.
        self.outputs.stdout = Queue::default();
        sys::fd::close(1);
        let replaced = sys::fd::ensure_standard();
        if std::mem::replace(&mut self.stdout_works, replaced.is_ok()) {
            self.reporter.warn(format_args!("unable to write standard output: {}", sys::strerror(e)));
        }
    }
}

/// Opens the log directories of a script; returns, for each action that has one, which of them it fills.
fn open_dirs(script: &Script, system: &Linux) -> Result<(Vec<LogDir<Linux>>, Vec<usize>), Fatal> {
    let umask = rustix::process::umask(Mode::empty());
    rustix::process::umask(umask);
    let mode = Mode::from_raw_mode(0o666) & !umask;
    let mut dirs: Vec<LogDir<Linux>> = Vec::new();
    let mut indexes = Vec::new();
    for action in script.stages.iter().flat_map(|stage| &stage.actions) {
        let Target::Dir(spec) = &action.to else { continue };
        // A directory that is named twice has one state.  It must not be opened again: closing the lock would release it.
        let identity = sys::fs::stat(spec.path.as_slice()).ok().map(|st| (st.st_dev, st.st_ino));
        let known = identity.and_then(|i| dirs.iter().position(|d| d.identity(system) == Some(i)));
        indexes.push(known.unwrap_or(dirs.len()));
        if known.is_none() {
            dirs.push(LogDir::open(spec.clone(), mode, system)?);
        }
    }
    Ok((dirs, indexes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(PENDING_LIMIT, 16_777_216);
        assert_eq!((DEFAULT_LINE_LIMIT, MIN_LINE_LIMIT), (8192, 48));
        assert_eq!(DEFAULT_LINE_END_LIMIT, Duration::from_millis(2000));
    }
}
