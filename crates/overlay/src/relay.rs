//! The relay of S6_LOG_PREFIX and S6_LOG_FORMAT: a process beside the services that passes their output on to the
//! container's output, line by line, with the service's name.
//!
//! It is a separate process so that neither a slow reader of the container's output nor hostile lines affect process 1; it
//! exists only if one of the variables is set.  It receives pipes through [`ipc::relay`].  It reads the pipes of a stream
//! only while nothing waits to be written to that stream, so memory is bounded, and services wait rather than lose lines.
//! It ends when no pipe is left and no further one can come, or on the order to drain the pipes and exit.  If that order
//! has a limit, it reports how many bytes nothing has read by then.  Only SIGKILL ends it earlier.

mod format;
mod lines;
mod overlay_lines;
mod sink;

pub(crate) use format::Format;
pub(crate) use overlay_lines::set_format;

use crate::limits::MESSAGE_LIMIT;
use ipc::relay::{Received, STREAMS, Stream, receive};
use lines::Lines;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use sink::Sink;
use std::os::fd::{BorrowedFd, OwnedFd};
use tool::clock::{self, Moment};
use tool::{Fatal, Next, OrUnable, Outcome, diag};

/// Its command line in ps.
pub(crate) const TITLE: &[u8] = b"s6-overlay-relay";

/// Its name in diagnostics.
pub(crate) const NAME: &str = "s6-overlay-relay";

/// The name before lines of the CMD.
pub(crate) const COMMAND: &[u8] = b"cmd";

/// The name before lines of the hook of S6_STAGE2_HOOK.
pub(crate) const HOOK: &[u8] = b"stage2-hook";

/// How many bytes are read at once.
const READ_SIZE: usize = 64 << 10;

/// Receives pipes from `socket` and passes on what comes through them, until none is left and no further one can come.
///
/// # Errors
/// Nothing can be waited for or read: code 111.
pub(crate) fn run(socket: Option<OwnedFd>, format: Format) -> Outcome {
    let socket = Some(socket.ok_or(Errno::BADF).or_unable(|| "find the socket")?);
    let sinks = STREAMS.map(|stream| Sink::new(stream, own_stream(stream)));
    let sinks = sinks.into_iter().collect::<Result<Vec<_>, _>>().or_unable(|| "make a poller")?;
    let mut relay = Relay { sinks, socket, format, is_sealed: false, is_draining: false, deadline: None };
    let mut buffer = vec![0; READ_SIZE];
    while !relay.is_done() {
        if relay.deadline.is_some_and(|at| at <= clock::now()) {
            report_missing(relay.give_up(&mut buffer));
            break;
        }
        match relay.serve(&mut buffer) {
            Ok(()) | Err(Errno::INTR) => {}
            Err(e) => return Err(Fatal::unable("pass services' output on", e)),
        }
    }
    Ok(Next::SUCCESS)
}

/// This process's stream of that kind, which is the container's.
fn own_stream(stream: Stream) -> BorrowedFd<'static> {
    match stream {
        Stream::Output => rustix::stdio::stdout(),
        Stream::Error => rustix::stdio::stderr(),
    }
}

fn report_missing(bytes: usize) {
    if bytes > 0 {
        diag::set_reader_limit(Some(MESSAGE_LIMIT));
        diag::warn(NAME, &format!("{bytes} bytes of the container's output are missing: nothing read them"));
    }
}

/// The relay.
struct Relay<'a> {
    sinks: Vec<Sink<'a>>,
    /// Closed when no process holds its other end.
    socket: Option<OwnedFd>,
    format: Format,
    /// No pipes follow.
    is_sealed: bool,
    /// What is in the pipes is passed on, although processes may still write to them.
    is_draining: bool,
    /// When draining ends.
    deadline: Option<Moment>,
}

impl Relay<'_> {
    fn is_done(&self) -> bool {
        let can_come = self.socket.is_some() && !self.is_sealed && !self.is_draining;
        !can_come && !self.sinks.iter().any(|sink| sink.waits() || sink.has_pipes())
    }

    /// Serves each sink and the socket once.
    fn serve(&mut self, buffer: &mut [u8]) -> Result<(), Errno> {
        let mut ready = self.wait()?.into_iter();
        for sink in &mut self.sinks {
            let is_ready = ready.next().unwrap_or(false);
            if sink.waits() {
                if is_ready {
                    sink.write();
                }
            } else if is_ready || self.is_draining {
                let any = sink.read(buffer)?;
                if self.is_draining && !any {
                    sink.close_pipes();
                }
            }
        }
        if ready.next().unwrap_or(false) { self.receive() } else { Ok(()) }
    }

    fn receive(&mut self) -> Result<(), Errno> {
        match self.socket.as_ref().map_or(Ok(Received::End), receive)? {
            Received::Pipes(name, fds) => {
                for (fd, stream) in fds {
                    if let Some(sink) = self.sinks.iter_mut().find(|sink| sink.stream == stream) {
                        sink.add(fd, Lines::new(self.format, &name, stream))?;
                    }
                }
            }
            Received::Finish(limit) => {
                self.is_draining = true;
                self.deadline = limit.map(|limit| clock::now().saturating_add(limit));
            }
            Received::Last => self.is_sealed = true,
            Received::End => self.socket = None,
            Received::Nothing => {}
        }
        Ok(())
    }

    /// Gives up: how many bytes are not written.
    fn give_up(&mut self, buffer: &mut [u8]) -> usize {
        self.sinks.iter_mut().map(|sink| sink.give_up(buffer)).fold(0, usize::saturating_add)
    }

    /// Waits; returns for each sink, and last for the socket, whether it can be served.
    fn wait(&self) -> Result<Vec<bool>, Errno> {
        let mut fds: Vec<PollFd<'_>> = self
            .sinks
            .iter()
            .map(|sink| match sink.waits() {
                true => PollFd::from_borrowed_fd(sink.target, PollFlags::OUT),
                false => PollFd::new(&sink.poller, PollFlags::IN),
            })
            .collect();
        fds.extend(self.socket.as_ref().map(|socket| PollFd::new(socket, PollFlags::IN)));
        rustix::event::poll(&mut fds, self.timeout().as_ref())?;
        Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect())
    }

    /// How long to wait; `None` without limit.
    fn timeout(&self) -> Option<Timespec> {
        if self.is_draining && self.sinks.iter().any(|sink| sink.has_pipes() && !sink.waits()) {
            return Some(Timespec { tv_sec: 0, tv_nsec: 0 });
        }
        let left = self.deadline?.saturating_sub(clock::now());
        Timespec::try_from(left).ok()
    }
}
