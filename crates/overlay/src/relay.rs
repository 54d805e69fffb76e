//! The relay of S6_LOG_PREFIX and S6_LOG_FORMAT: a process beside the services that passes their output on to the
//! container's, line by line, with the service's name.
//!
//! It is apart from process 1 so that a slow reader of the container's output, or hostile lines, can't touch that; it
//! exists only where it was asked for.  [`ipc::relay`] is how pipes come to it.  It reads a stream's pipes only while
//! nothing waits to be written to that stream: so memory is bounded, and services wait rather than lose lines.
//! It ends when no pipe is left and none can come any more.  Signals don't end it but SIGKILL.

mod lines;
mod own;

pub use lines::{Format, LINE_MAX, Lines};
pub use own::speak;

use crate::environment::settings::Settings;
use ipc::relay::{STREAMS, Stream, Told, receive};
use rustix::event::{PollFd, PollFlags, epoll};
use rustix::io::Errno;
use std::collections::HashMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use tool::clock;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};
use wire::number;

/// What it looks like in ps.
pub const TITLE: &[u8] = b"s6-overlay-relay";

/// Whose lines the command's are.
pub const COMMAND: &[u8] = b"cmd";

/// Whose lines those of S6_STAGE2_HOOK are.
pub const HOOK: &[u8] = b"stage2-hook";

/// How much is read at once.
const READ: usize = 64 << 10;

/// Not in the table: nobody calls it by name.
pub static TOOL: Tool = Tool {
    name: "s6-overlay-relay",
    summary: "pass services' output on",
    operands: "fd format",
    options: &[],
    role: Role::Stay,
    main,
};

impl Format {
    /// What the variables ask for; `warn` gets what is wrong with them.
    pub fn wanted(settings: &Settings<'_>, warn: impl Fn(&str)) -> Option<Self> {
        let format = settings.text("S6_LOG_FORMAT");
        let wanted = match format.as_deref() {
            Some(b"json") => Some(Self::Json),
            Some(other) => {
                warn(&format!("S6_LOG_FORMAT is {}, but the only format is json", diag::show(other)));
                None
            }
            None => None,
        };
        let wanted = wanted.or_else(|| settings.switch("S6_LOG_PREFIX").then_some(Self::Prefix));
        if wanted.is_some() && settings.number("S6_LOGGING", 0) != 0 {
            warn("S6_LOGGING takes all output into its log: S6_LOG_PREFIX and S6_LOG_FORMAT have no effect");
            return None;
        }
        wanted
    }

    /// The word for it in the relay's arguments.
    #[must_use]
    pub fn word(self) -> &'static [u8] {
        match self {
            Self::Prefix => b"prefix",
            Self::Json => b"json",
        }
    }
}

/// One of the container's streams.
struct Sink {
    stream: Stream,
    /// Its pipes.
    poller: OwnedFd,
    sources: HashMap<u64, (OwnedFd, Lines)>,
    next: u64,
    /// What waits to be written.
    out: Vec<u8>,
    /// Everything before this was written.
    written: usize,
}

impl Sink {
    fn new(stream: Stream) -> Result<Self, Errno> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { stream, poller, sources: HashMap::new(), next: 0, out: Vec::new(), written: 0 })
    }

    fn add(&mut self, fd: OwnedFd, lines: Lines) -> Result<(), Errno> {
        let key = self.next;
        self.next = self.next.wrapping_add(1);
        epoll::add(&self.poller, &fd, epoll::EventData::new_u64(key), epoll::EventFlags::IN)?;
        self.sources.insert(key, (fd, lines));
        Ok(())
    }

    /// The container's stream.
    fn end(&self) -> BorrowedFd<'static> {
        match self.stream {
            Stream::Output => rustix::stdio::stdout(),
            Stream::Error => rustix::stdio::stderr(),
        }
    }

    fn waits(&self) -> bool {
        self.written < self.out.len()
    }

    /// Reads once from one pipe that has something; the kernel takes them in turn.
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), Errno> {
        let mut events = Vec::with_capacity(1);
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.poller, rustix::buffer::spare_capacity(&mut events), Some(&now))?;
        for event in events {
            self.read_from(event.data.u64(), buffer);
        }
        Ok(())
    }

    /// Whether there was something, or an end.
    fn read_from(&mut self, key: u64, buffer: &mut [u8]) -> bool {
        let Some((fd, lines)) = self.sources.get_mut(&key) else { return false };
        match rustix::io::read(fd, &mut *buffer) {
            Err(Errno::AGAIN | Errno::INTR) => false,
            Ok(count) if count > 0 => {
                lines.feed(buffer.get(..count).unwrap_or_default(), clock::wall(), &mut self.out);
                true
            }
            Ok(_) | Err(_) => {
                lines.end(clock::wall(), &mut self.out);
                self.sources.remove(&key);
                true
            }
        }
    }

    /// Writes once, whole lines that a pipe takes in one piece: so they stay whole beside those of other writers.
    fn write(&mut self) {
        let rest = self.out.get(self.written..).unwrap_or_default();
        let most = rest.get(..LINE_MAX).unwrap_or(rest);
        let whole =
            most.iter().rposition(|byte| *byte == b'\n').map_or(most.len(), |at| at.saturating_add(1));
        let chunk = most.get(..whole).unwrap_or(most);
        match rustix::io::write(self.end(), chunk) {
            Ok(count) => self.written = self.written.saturating_add(count),
            Err(Errno::AGAIN | Errno::INTR) => return,
            // Nobody reads it any more, and never will.
            Err(_) => self.written = self.out.len(),
        }
        if !self.waits() {
            self.out.clear();
            self.written = 0;
        }
    }

    /// Reads what is there and writes all of it.
    fn drain(&mut self, buffer: &mut [u8]) {
        let keys: Vec<u64> = self.sources.keys().copied().collect();
        for key in keys {
            while self.read_from(key, buffer) {
                self.write_all();
            }
            if let Some((_, mut lines)) = self.sources.remove(&key) {
                lines.end(clock::wall(), &mut self.out);
            }
            self.write_all();
        }
    }

    fn write_all(&mut self) {
        while self.waits() {
            self.write();
            if self.waits() {
                let _ =
                    rustix::event::poll(&mut [PollFd::from_borrowed_fd(self.end(), PollFlags::OUT)], None);
            }
        }
    }
}

fn main(call: &mut Call) -> Outcome {
    let socket = number::decimal::<i32>(&call.shift()?).ok_or_else(Fatal::usage)?;
    let socket = sys::fd::own(socket).or_unable(|| "find the socket")?;
    let format = if call.shift()? == Format::Json.word() { Format::Json } else { Format::Prefix };
    let [output, error] = STREAMS.map(Sink::new);
    let mut sinks =
        [output, error].into_iter().collect::<Result<Vec<_>, _>>().or_unable(|| "make a poller")?;
    let mut socket = Some(socket);
    let mut buffer = vec![0; READ];
    while socket.is_some() || sinks.iter().any(|sink| sink.waits() || !sink.sources.is_empty()) {
        match serve(&mut sinks, &mut socket, format, &mut buffer) {
            Ok(true) | Err(Errno::INTR) => {}
            Ok(false) => {
                sinks.iter_mut().for_each(|sink| sink.drain(&mut buffer));
                break;
            }
            Err(e) => return Err(Fatal::unable("pass services' output on", e)),
        }
    }
    Ok(Next::SUCCESS)
}

/// One turn; `false` if it was the last one.
fn serve(
    sinks: &mut [Sink],
    socket: &mut Option<OwnedFd>,
    format: Format,
    buffer: &mut [u8],
) -> Result<bool, Errno> {
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
        return Ok(true);
    }
    let told = socket.as_ref().map_or(Ok(Told::End), receive)?;
    match told {
        Told::Pipes(name, fds) => {
            for (fd, stream) in fds {
                if let Some(sink) = sinks.iter_mut().find(|sink| sink.stream == stream) {
                    sink.add(fd, Lines::new(format, &name, stream))?;
                }
            }
        }
        Told::Finish => return Ok(false),
        Told::End => *socket = None,
        Told::Nothing => {}
    }
    Ok(true)
}

/// Waits; says which sinks, and last whether the socket, can be served.
fn wait(sinks: &[Sink], socket: Option<&OwnedFd>) -> Result<Vec<bool>, Errno> {
    let mut fds: Vec<PollFd<'_>> = sinks
        .iter()
        .map(|sink| match sink.waits() {
            true => PollFd::from_borrowed_fd(sink.end(), PollFlags::OUT),
            false => PollFd::new(&sink.poller, PollFlags::IN),
        })
        .collect();
    fds.extend(socket.map(|socket| PollFd::new(socket, PollFlags::IN)));
    rustix::event::poll(&mut fds, None)?;
    Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect())
}
