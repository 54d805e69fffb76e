//! The relay of S6_LOG_PREFIX, S6_LOG_FORMAT and S6_LOG_KEEP: a process beside the services that passes their output on to
//! the container's output, with the service's name before each line, or unchanged, and keeps the last of it in files.
//!
//! It is a separate process so that neither a slow reader of the container's output nor hostile lines affect process 1; it
//! exists only if one of the variables is set.  It receives pipes through [`ipc::relay`].  It reads the pipes of a stream
//! only while nothing waits to be written to that stream, so memory is bounded, and services wait rather than lose lines.
//! It ends when no pipe is left and no further one can come, or on the order to drain the pipes and exit.  If that order
//! has a limit, it reports how many bytes nothing has read by then.  Only SIGKILL ends it earlier: process 1 starts another
//! one then, which finds the pipes on the shelf ([`ipc::relay::Shelf`]), with all that the killed one hasn't read.

mod format;
mod keep;
mod lines;
mod overlay_lines;
mod sink;

pub(crate) use format::Handling;
pub use keep::{file_name, old_name};
pub use lines::{escape, time};
pub(crate) use overlay_lines::set_format;

use crate::limits::MESSAGE_LIMIT;
use format::Format;
use ipc::relay::{Received, STREAMS, Shelf, Stream, receive};
use keep::{Keep, Kept};
use lines::Lines;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use sink::Sink;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use supervision::board::DIR;
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
/// The name before lines of programs that conditions ask.
pub(crate) const CONDITION: &[u8] = b"only-if";

/// How many bytes are read at once.
const READ_SIZE: usize = 64 << 10;

/// More messages than twice the number of pipes, and so many, are on the shelf before those of ended pipes are removed.
const SHELVED_SPARE: usize = 16;

/// Receives pipes from `socket` and passes on what comes through them and through those on the shelf, until none is left and
/// no further one can come.
///
/// # Errors
/// Nothing can be waited for or read: code 111.
pub(crate) fn run(socket: Option<OwnedFd>, shelf: Option<Shelf>, handling: Handling) -> Outcome {
    let socket = Some(socket.ok_or(Errno::BADF).or_unable(|| "find the socket")?);
    let sinks = STREAMS.map(|stream| Sink::new(stream, own_stream(stream)));
    let sinks = sinks.into_iter().collect::<Result<Vec<_>, _>>().or_unable(|| "make a poller")?;
    let (is_sealed, is_draining, deadline) = (false, false, None);
    let rule = Rule { format: handling.format, keep: keep(handling.kept) };
    let mut relay = Relay { sinks, socket, shelf, shelved: 0, rule, is_sealed, is_draining, deadline };
    relay.sweep_shelf().or_unable(|| "take the pipes of the last relay")?;
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

/// Where lines are kept, if they are; `size` is what a service may take in bytes.
fn keep(size: u32) -> Option<Rc<Keep>> {
    if size == 0 {
        return None;
    }
    let keep = Keep::open(size).inspect_err(|e| {
        diag::warn(NAME, format_args!("unable to keep services' last lines in {DIR}: {}", sys::strerror(*e)));
    });
    keep.ok().map(Rc::new)
}

/// What is done with lines.
struct Rule {
    format: Format,
    keep: Option<Rc<Keep>>,
}

/// Adds the pipes of a service.
fn add(sinks: &mut [Sink<'_>], rule: &Rule, name: &[u8], fds: Vec<(OwnedFd, Stream)>) -> Result<(), Errno> {
    for (fd, stream) in fds {
        if let Some(sink) = sinks.iter_mut().find(|sink| sink.stream == stream) {
            let kept = rule.keep.as_ref().map(|keep| Kept::new(Rc::clone(keep), name, stream));
            sink.add(fd, Lines::new(rule.format, name, stream), kept)?;
        }
    }
    Ok(())
}

fn report_missing(bytes: usize) {
    if bytes > 0 {
        diag::set_reader_limit(Some(MESSAGE_LIMIT));
        diag::warn(
            NAME,
            format_args!("{bytes} bytes of the container's output are missing: nothing read them"),
        );
    }
}

/// The relay.
struct Relay<'a> {
    sinks: Vec<Sink<'a>>,
    /// Closed when no process holds its other end.
    socket: Option<OwnedFd>,
    /// Where the next relay finds the pipes of this one.
    shelf: Option<Shelf>,
    /// At most so many messages are there.
    shelved: usize,
    rule: Rule,
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
        let Some(socket) = &self.socket else { return Ok(()) };
        if self.shelf.as_ref().is_some_and(|shelf| shelf.keep_next(socket)) {
            self.shelved = self.shelved.saturating_add(1);
        }
        match receive(socket)? {
            Received::Pipes(name, fds) => {
                add(&mut self.sinks, &self.rule, &name, fds)?;
                let pipes = self.sinks.iter().map(Sink::count).fold(SHELVED_SPARE, usize::saturating_add);
                if self.shelved > pipes.saturating_mul(2) {
                    return self.sweep_shelf();
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

    /// Takes the pipes on the shelf that it doesn't have, and removes those that have ended.
    fn sweep_shelf(&mut self) -> Result<(), Errno> {
        let Self { sinks, shelf: Some(shelf), rule, .. } = self else { return Ok(()) };
        let mut added = Ok(());
        self.shelved = shelf.sweep(|received| {
            if let Received::Pipes(name, fds) = received
                && let Err(e) = add(sinks, rule, &name, fds)
            {
                added = Err(e);
            }
        });
        added
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
