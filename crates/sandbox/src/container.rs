//! A running container, from the caller's side.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;

use crate::spec::{Sandbox, Streams};
use crate::{link, stage};

/// A running container.  Dropping it kills whatever is left in it.
#[derive(Debug)]
pub struct Container {
    stage: Child,
    /// `None` once the container has been killed.
    link: Option<OwnedFd>,
    pid: u32,
    /// On the monotonic clock, in nanoseconds.
    started: i128,
    terminal: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

/// What a container left behind that ran to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit code, 128 + n if a signal ended it; `None` if it was killed because its time was over.
    pub code: Option<u8>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Sandbox {
    /// Starts the container.  Returns when its command has been executed, or with the reason why it could not be.
    pub fn start(&self) -> io::Result<Container> {
        Container::start(self)
    }
}

impl Container {
    fn start(sandbox: &Sandbox) -> io::Result<Self> {
        let (ours, theirs) = link::pair()?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(stage::NAME);
        let mut together = None;
        match sandbox.streams {
            Streams::Inherit => {}
            Streams::Capture => {
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            }
            Streams::Together => {
                let (reader, writer) = io::pipe()?;
                command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
                together = Some(reader.into());
            }
            Streams::Terminal => {
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            }
        }
        command
            .fd_mappings(vec![FdMapping { parent_fd: theirs, child_fd: stage::LINK }])
            .map_err(io::Error::other)?;
        let mut stage = command.spawn()?;
        // Holds the other ends of link and pipe, which would never end with it.
        drop(command);
        let stdout = together.or_else(|| stage.stdout.take().map(OwnedFd::from));
        let stderr = stage.stderr.take().map(OwnedFd::from);
        let mut container = Self { stage, link: None, pid: 0, started: 0, terminal: None, stdout, stderr };
        link::send(&ours, b'D', &sandbox.encode(), None)?;
        let mut is_held = false;
        while container.pid == 0 || is_held != sandbox.held {
            let message = link::receive(&ours)?
                .ok_or_else(|| io::Error::other("the sandbox stage died; does main call enter_stage?"))?;
            let text = message.fields.into_iter().next().map(|(_, v)| v).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            match message.letter {
                b'T' => container.terminal = message.descriptor,
                b'M' => container.started = text.parse().map_err(io::Error::other)?,
                b'H' => is_held = true,
                b'P' => container.pid = text.parse().map_err(io::Error::other)?,
                _ => {
                    let mut said = String::new();
                    if let Some(stderr) = container.take_stderr().or_else(|| container.take_stdout()) {
                        let _ = File::from(stderr).read_to_string(&mut said);
                    }
                    return Err(io::Error::other(format!("{text}\n{said}").trim_end().to_owned()));
                }
            }
        }
        container.link = Some(ours);
        Ok(container)
    }

    /// The process id of the container's pid 1 in the caller's namespace.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The time since its pid 1 executed its command.
    #[must_use]
    pub fn age(&self) -> Duration {
        let now = sys::clock::get(rustix::time::ClockId::Monotonic);
        let now = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
        Duration::from_nanos(u64::try_from(now - self.started).unwrap_or(0))
    }

    /// The pipe of a captured standard output, once.
    pub fn take_stdout(&mut self) -> Option<OwnedFd> {
        self.stdout.take()
    }

    /// The pipe of a standard error captured by itself, once.
    pub fn take_stderr(&mut self) -> Option<OwnedFd> {
        self.stderr.take()
    }

    /// The master side of the container's terminal, once.
    pub fn take_terminal(&mut self) -> Option<OwnedFd> {
        self.terminal.take()
    }

    /// A descriptor that polls as readable once the container is gone; `None` after [`Container::kill`].
    #[must_use]
    pub fn gone(&self) -> Option<BorrowedFd<'_>> {
        self.link.as_ref().map(AsFd::as_fd)
    }

    /// Sends pid 1 a signal.  Not an error if it is gone.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(link) = &self.link else {
            return Ok(());
        };
        let number = signal.as_raw().to_string().into_bytes();
        match link::send(link, b'S', &vec![(b's', number)], None) {
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Lets a held pid 1 execute its command.
    pub fn release(&self) -> io::Result<()> {
        self.link.as_ref().map_or(Ok(()), |link| link::send(link, b'G', &Vec::new(), None))
    }

    /// What `docker stop` does first: SIGTERM to pid 1.
    pub fn stop(&self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Kills every process of the container.
    pub fn kill(&mut self) {
        self.link = None;
    }

    /// Waits until no process of the container is left; gives its exit code, 128 + n if a signal ended pid 1.
    pub fn wait(&mut self) -> io::Result<u8> {
        let status = self.stage.wait()?;
        let code = status.code().or_else(|| status.signal().map(|n| 128 + n));
        Ok(code.and_then(|c| u8::try_from(c).ok()).unwrap_or(u8::MAX))
    }

    /// A description that runs a command in this container, beside what runs there, as `docker exec` does.
    /// Its environment is empty at first.
    pub fn exec<C: Into<OsString>>(&self, command: impl IntoIterator<Item = C>) -> Sandbox {
        Sandbox { enter: Some(self.pid), ..Sandbox::bare(command) }
    }

    /// Reads the captured streams to their end and waits; kills the container when `limit` is over.
    pub fn output(mut self, limit: Duration) -> io::Result<Output> {
        let end = Instant::now() + limit;
        let mut streams =
            [self.take_stdout().map(|fd| (fd, Vec::new())), self.take_stderr().map(|fd| (fd, Vec::new()))];
        let mut done = [Vec::new(), Vec::new()];
        let mut late = false;
        while streams.iter().any(Option::is_some) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() && !late {
                late = true;
                self.kill();
            }
            let mut set: Vec<PollFd<'_>> = streams
                .iter()
                .flatten()
                .map(|(fd, _)| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN))
                .collect();
            let left = if late { Duration::from_secs(5) } else { left };
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            match rustix::event::poll(&mut set, Some(&left)) {
                Ok(0) if late => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
            let mut ready = set.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>().into_iter();
            for (slot, kept) in streams.iter_mut().zip(&mut done) {
                let Some((fd, text)) = slot else { continue };
                if ready.next() == Some(true) {
                    let mut buffer = [0; 16384];
                    match rustix::io::read(&*fd, &mut buffer)? {
                        0 => {
                            *kept = std::mem::take(text);
                            *slot = None;
                        }
                        n => text.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                    }
                }
            }
        }
        let code = self.wait()?;
        let [stdout, stderr] = done;
        Ok(Output { code: (!late).then_some(code), stdout, stderr })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.link = None;
        let _ = self.stage.wait();
    }
}
