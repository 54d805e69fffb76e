//! The relay of S6_LOG_PREFIX and S6_LOG_FORMAT: a process beside the services that passes their output on to the
//! container's output, line by line, with the service's name.
//!
//! It is a separate process so that neither a slow reader of the container's output nor hostile lines affect process 1; it
//! exists only if one of the variables is set.  It receives pipes through [`ipc::relay`].  It reads the pipes of a stream
//! only while nothing waits to be written to that stream, so memory is bounded, and services wait rather than lose lines.
//! It ends when no pipe is left and no further one can come.  Only SIGKILL ends it earlier.

mod format;
mod lines;
mod overlay_lines;
mod sink;

pub(crate) use format::Format;
pub(crate) use overlay_lines::set_format;

use ipc::relay::{Received, STREAMS, Stream, receive};
use lines::Lines;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use sink::Sink;
use std::os::fd::{BorrowedFd, OwnedFd};
use tool::{Fatal, Next, OrUnable, Outcome};

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

/// What follows after each sink was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// They are served again.
    Next,
    /// The relay drains its pipes and ends.
    Finish,
}

/// Receives pipes from `socket` and passes on what comes through them, until none is left and no further one can come.
///
/// # Errors
/// Nothing can be waited for or read: code 111.
pub(crate) fn run(socket: Option<OwnedFd>, format: Format) -> Outcome {
    let mut socket = Some(socket.ok_or(Errno::BADF).or_unable(|| "find the socket")?);
    let [output, error] = STREAMS.map(|stream| Sink::new(stream, own_stream(stream)));
    let mut sinks =
        [output, error].into_iter().collect::<Result<Vec<_>, _>>().or_unable(|| "make a poller")?;
    let mut buffer = vec![0; READ_SIZE];
    while socket.is_some() || sinks.iter().any(|sink| sink.waits() || sink.has_pipes()) {
        match serve(&mut sinks, &mut socket, format, &mut buffer) {
            Ok(Turn::Next) | Err(Errno::INTR) => {}
            Ok(Turn::Finish) => {
                sinks.iter_mut().for_each(|sink| sink.drain(&mut buffer));
                break;
            }
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

/// Serves each sink and the socket once.
fn serve(
    sinks: &mut [Sink<'_>],
    socket: &mut Option<OwnedFd>,
    format: Format,
    buffer: &mut [u8],
) -> Result<Turn, Errno> {
    let ready = wait(sinks, socket.as_ref())?;
    let mut ready = ready.into_iter();
    for sink in sinks.iter_mut() {
        if ready.next().unwrap_or(false) {
            if sink.waits() {
                sink.write();
            } else {
                sink.read(buffer)?;
            }
        }
    }
    if !ready.next().unwrap_or(false) {
        return Ok(Turn::Next);
    }
    let received = socket.as_ref().map_or(Ok(Received::End), receive)?;
    match received {
        Received::Pipes(name, fds) => {
            for (fd, stream) in fds {
                if let Some(sink) = sinks.iter_mut().find(|sink| sink.stream == stream) {
                    sink.add(fd, Lines::new(format, &name, stream))?;
                }
            }
        }
        Received::Finish => return Ok(Turn::Finish),
        Received::End => *socket = None,
        Received::Nothing => {}
    }
    Ok(Turn::Next)
}

/// Waits; returns for each sink, and last for the socket, whether it can be served.
fn wait(sinks: &[Sink<'_>], socket: Option<&OwnedFd>) -> Result<Vec<bool>, Errno> {
    let mut fds: Vec<PollFd<'_>> = sinks
        .iter()
        .map(|sink| match sink.waits() {
            true => PollFd::from_borrowed_fd(sink.target, PollFlags::OUT),
            false => PollFd::new(&sink.poller, PollFlags::IN),
        })
        .collect();
    fds.extend(socket.map(|socket| PollFd::new(socket, PollFlags::IN)));
    rustix::event::poll(&mut fds, None)?;
    Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect())
}
