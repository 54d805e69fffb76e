//! The loop of `s6-log`: one wait for input, for signals, for standard output to take more, and for what log directories
//! retry.
//!
//! Nothing that was read is dropped: the loop ends when every output has taken its lines.

use crate::feed::{Feed, Outputs, Waiting};
use crate::lines::Lines;
use crate::logdir::{Launcher, LogDir};
use crate::script::{Script, Target};
use files::{Permissions, Queue, Replace, Writers, replace_at};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::stdio::{stderr, stdin, stdout};
use std::os::fd::RawFd;
use std::time::Duration;
use sys::signal::{self, Set, SignalFd};
use sys::spawn::Strings;
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, OrUnable, Outcome, diag};

/// Reading pauses while more than this waits to be written.
const MOST_PENDING: usize = 16 * 1024 * 1024;

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
    pub patience: Option<Duration>,
    /// Longer lines are split, in bytes; 0: never.
    pub line_limit: usize,
    /// The descriptor that is told of readiness.
    pub notification: Option<RawFd>,
    /// The program that runs processors of directive `?`.
    pub execlineb: Vec<u8>,
}

/// What is still expected on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// Told to exit: so many bytes that had been written before that.  In a stop nobody else would read them.
    Rest(u64),
    /// Told to exit: only the rest of a line, until that moment.
    LastLine(Option<Moment>),
    Closed,
}

/// A logger with its directories open.
pub struct Logger {
    is_quiet: bool,
    is_blocking: bool,
    ignores_term: bool,
    patience: Option<Duration>,
    lines: Lines,
    feed: Feed,
    outputs: Outputs,
    dirs: Vec<LogDir>,
    launcher: Launcher,
    signals: SignalFd,
    input: Input,
    stdout_works: bool,
}

impl Logger {
    /// Opens the log directories of `script`, takes over the signals, and tells that it is ready.
    ///
    /// # Errors
    /// A log directory can't be opened, or is in use; the system failed: code 111.
    pub fn open(script: Script, settings: Settings, call: &Call) -> Result<Self, Fatal> {
        let mut dirs: Vec<LogDir> = Vec::new();
        let mut indexes = Vec::new();
        for action in script.stages.iter().flat_map(|stage| &stage.actions) {
            if let Target::Dir(spec) = &action.to {
                // A directory that is named twice has one state.  It must not be opened again: closing the lock would
                // release it.
                let identity = sys::fs::stat(spec.path.as_slice()).ok().map(|st| (st.st_dev, st.st_ino));
                let known = identity.and_then(|i| dirs.iter().position(|d| d.identity() == Some(i)));
                indexes.push(known.unwrap_or(dirs.len()));
                if known.is_none() {
                    dirs.push(LogDir::open(spec.clone())?);
                }
            }
        }
        let waiting = dirs.iter().map(|_| Waiting::default()).collect();
        let mut outputs = Outputs { dirs: waiting, ..Outputs::default() };
        let feed = Feed::new(script, indexes.into_iter(), &mut outputs);

        signal::set_ignored(signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
        let set = Set::of(&[signal::TERM, signal::HUP, signal::ALRM, signal::CHLD]);
        let signals = SignalFd::new(&set).or_unable(|| "make a signal descriptor")?;
        let env = Strings::new(call.env.vars()).or_unable(|| "copy the environment")?;
        if let Some(number) = settings.notification {
            let written = sys::fd::with(number, |fd| rustix::io::write(fd, b"\n"));
            written.or_unable(|| "notify")?;
            sys::fd::close(number);
        }
        Ok(Self {
            is_quiet: settings.is_quiet,
            is_blocking: settings.is_blocking,
            ignores_term: settings.ignores_term,
            patience: settings.patience,
            lines: Lines::new(settings.line_limit),
            feed,
            outputs,
            dirs,
            launcher: Launcher { execlineb: settings.execlineb, env },
            signals,
            input: Input::Open,
            stdout_works: true,
        })
    }

    /// Logs until the input has ended, or SIGTERM or SIGHUP came, and everything is written.
    ///
    /// # Errors
    /// It can't wait for events, or for its processors: code 111.
    pub fn run(mut self, call: &Call) -> Outcome {
        loop {
            self.write_dirs(call);
            let pending = self.pending();
            if self.input == Input::Closed && pending == 0 && !self.dirs.iter().any(|d| d.is_busy()) {
                break;
            }
            let reading = match self.input {
                Input::Open | Input::Rest(_) => pending < MOST_PENDING && !(self.is_blocking && pending > 0),
                Input::LastLine(_) => true,
                Input::Closed => false,
            };
            let writing = !self.outputs.stdout.is_empty();
            let (signaled, readable, writable) = self.wait(reading, writing)?;
            if signaled {
                self.take_signals(call)?;
            }
            if writable {
                self.write_stdout(call);
            }
            if readable && self.input != Input::Closed {
                self.read(call);
            }
            let now = clock::now();
            if matches!(self.input, Input::LastLine(Some(until)) if until <= now) {
                self.end_input(call);
            }
            self.dirs.iter_mut().for_each(|d| d.wake(now, &self.launcher));
        }
        for dir in self.dirs {
            let complaints = dir.finish();
            if !self.is_quiet {
                complaints.iter().for_each(|c| call.warn(c));
            }
        }
        Ok(Next::SUCCESS)
    }

    fn pending(&self) -> usize {
        self.outputs.stdout.len() + self.outputs.dirs.iter().map(|d| d.bytes.len()).sum::<usize>()
    }

    /// Waits for something to do: tells about signals, standard input and standard output.
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

    fn take_signals(&mut self, call: &Call) -> Result<(), Fatal> {
        while let Some(number) = self.signals.read().or_unable(|| "read signals")? {
            match number {
                signal::ALRM => self.dirs.iter_mut().for_each(|d| d.rotate(&self.launcher)),
                signal::CHLD => self.reap()?,
                signal::TERM if self.ignores_term => {}
                _ if self.input != Input::Open => {}
                _ => match rustix::io::ioctl_fionread(stdin()) {
                    Ok(bytes) if bytes > 0 => self.input = Input::Rest(bytes),
                    _ => self.end_after_line(call),
                },
            }
        }
        Ok(())
    }

    /// Ends the input, after the line that has begun.
    fn end_after_line(&mut self, call: &Call) {
        if self.lines.has_partial() {
            self.input = Input::LastLine(self.patience.map(|p| clock::now() + p));
        } else {
            self.end_input(call);
        }
    }

    fn reap(&mut self) -> Result<(), Fatal> {
        loop {
            match sys::process::reap() {
                Ok(Some((pid, how))) => {
                    let launcher = &self.launcher;
                    self.dirs.iter_mut().any(|d| d.child(pid, how, launcher));
                }
                Ok(None) | Err(Errno::CHILD) => return Ok(()),
                Err(e) => return Err(Fatal::unable("wait for a processor", e)),
            }
        }
    }

    /// Reads once: a lot, or, where only the rest of a line is wanted, a byte, so that the next logger gets what follows.
    fn read(&mut self, call: &Call) {
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
            Ok(0) => self.end_input(call),
            Err(e) => {
                self.complain(call, &format!("unable to read standard input: {}", sys::strerror(e)));
                self.end_input(call);
            }
            Ok(n) => {
                self.lines.filled(n);
                let any = self.take_lines(call);
                match self.input {
                    Input::LastLine(_) if any => self.end_input(call),
                    Input::Rest(bytes) => match bytes.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX)) {
                        0 => self.end_after_line(call),
                        rest => self.input = Input::Rest(rest),
                    },
                    _ => {}
                }
            }
        }
    }

    fn now(&mut self) {
        if self.feed.is_stamped() {
            self.feed.set_time(clock::wall());
        }
    }

    /// Feeds the lines that are there; tells whether there was one.
    fn take_lines(&mut self, call: &Call) -> bool {
        self.now();
        let mut any = false;
        while let Some(line) = self.lines.next() {
            self.feed.line(line, &mut self.outputs);
            any = true;
        }
        self.write_at_once(call);
        any
    }

    /// Nothing more is read; a line without an end counts as it is.
    fn end_input(&mut self, call: &Call) {
        self.input = Input::Closed;
        self.now();
        if let Some(line) = self.lines.last() {
            self.feed.line(line, &mut self.outputs);
        }
        self.write_at_once(call);
    }

    /// Writes what isn't queued: alerts and status files.
    fn write_at_once(&mut self, call: &Call) {
        let mut rest = self.outputs.alerts.as_slice();
        while let Some(n) = (!rest.is_empty()).then(|| rustix::io::write(stderr(), rest)) {
            match n {
                Err(Errno::INTR) => {}
                Ok(n) if n > 0 => rest = rest.get(n..).unwrap_or_default(),
                _ => break, // nobody listens there
            }
        }
        self.outputs.alerts.clear();
        let mut complaints = Vec::new();
        let how = Replace::with(Permissions::LessUmask(0o666), Writers::One);
        for status in &mut self.outputs.statuses {
            if let Some(content) = status.content.take() {
                let failed = replace_at(CWD, &status.file, &content, how).err();
                if let Some(e) = failed.filter(|_| !status.failing) {
                    complaints.push(format!(
                        "unable to write {}: {}",
                        diag::show(&status.file),
                        sys::strerror(e)
                    ));
                }
                status.failing = failed.is_some();
            }
        }
        complaints.iter().for_each(|c| self.complain(call, c));
    }

    /// Writes what log directories take now; the rest is kept as bytes, so that the room can be read into anew.
    fn write_dirs(&mut self, call: &Call) {
        let mut complaints = Vec::new();
        let read = self.lines.read();
        for (dir, out) in self.dirs.iter_mut().zip(&mut self.outputs.dirs) {
            if out.bytes.is_empty() {
                out.run.start += dir.write(read.get(out.run.clone()).unwrap_or_default(), &self.launcher);
            }
            out.end_run(read);
            let done = dir.write(out.bytes.bytes(), &self.launcher);
            out.bytes.take(done);
            complaints.extend(dir.complaints());
        }
        complaints.iter().for_each(|c| self.complain(call, c));
    }

    fn write_stdout(&mut self, call: &Call) {
        let Err(e) = self.outputs.stdout.write_some(stdout()) else { return };
        // What comes after this goes to /dev/null.
        self.outputs.stdout = Queue::default();
        sys::fd::close(1);
        let replaced = sys::fd::ensure_standard();
        if std::mem::replace(&mut self.stdout_works, replaced.is_ok()) {
            self.complain(call, &format!("unable to write standard output: {}", sys::strerror(e)));
        }
    }

    fn complain(&self, call: &Call, text: &str) {
        if !self.is_quiet {
            call.warn(text);
        }
    }
}
