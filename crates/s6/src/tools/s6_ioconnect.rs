//! `s6-ioconnect`: copies standard input to a remote descriptor, and a remote descriptor to standard output.

use files::Queue;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use std::os::fd::{OwnedFd, RawFd};
use std::time::Duration;
use sys::signal::{self, Set, SignalFd};
use tool::clock;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ioconnect",
    summary: "connect standard input and output with two descriptors",
    operands: "",
    options: &[
        Opt::value('t', "ms", "exit 1 if nothing happens for this long; default 0, never"),
        Opt::value('r', "fdr", "read from this descriptor; default 6"),
        Opt::value('w', "fdw", "write to this descriptor; default 7"),
        Opt::flag('0', "no effect: sockets are recognized"),
        Opt::flag('1', "no effect: sockets are recognized"),
        Opt::flag('6', "no effect: sockets are recognized"),
        Opt::flag('7', "no effect: sockets are recognized"),
    ],
    role: Role::Stay,
    main,
};

/// Reading pauses while at least this many bytes wait to be written.
const BUFFER_LIMIT: usize = 64 * 1024;

/// One of the two directions.
struct Way {
    from: Option<OwnedFd>,
    to: Option<OwnedFd>,
    queue: Queue,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let timeout = options.number::<u32>('t')?.filter(|ms| *ms > 0).map(|ms| Duration::from_millis(ms.into()));
    let (reader, writer) = (options.number('r')?.unwrap_or(6), options.number('w')?.unwrap_or(7));
    if reader < 3 || writer < 3 {
        return Err(Fatal::usage());
    }
    let mut ways = ways([0, writer, reader, 1])?;
    signal::set_ignored(signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
    let signals = SignalFd::new(&Set::of(&[signal::TERM])).or_unable(|| "make a signal descriptor")?;
    while ways.iter().any(|way| way.to.is_some()) {
        let idle = ways.iter().all(|way| way.queue.is_empty());
        let deadline = timeout.filter(|_| idle).map(|t| clock::now() + t);
        if !turn(call, &mut ways, &signals, deadline)? {
            return Ok(Next::Exit(1));
        }
    }
    Ok(Next::SUCCESS)
}

/// Duplicates the descriptors (in, out; in, out) and closes the originals, so that the other ends see when the copies
/// are closed.
fn ways(numbers: [RawFd; 4]) -> Result<[Way; 2], Fatal> {
    let above = numbers.iter().max().map_or(10, |n| n + 1);
    let mut taken = Vec::new();
    for number in numbers {
        taken.push(sys::fd::duplicate(number, above).or_unable(|| format!("use descriptor {number}"))?);
    }
    numbers.iter().for_each(|number| sys::fd::close(*number));
    let mut taken = taken.into_iter();
    let mut way = || Way { from: taken.next(), to: taken.next(), queue: Queue::default() };
    Ok([way(), way()])
}

/// Waits once and copies what can be read; `false` if nothing happened before the deadline.
fn turn(
    call: &Call,
    ways: &mut [Way; 2],
    signals: &SignalFd,
    deadline: Option<clock::Moment>,
) -> Result<bool, Fatal> {
    let mut fds = vec![PollFd::new(signals, PollFlags::IN)];
    let mut targets = vec![(0, false)];
    for (i, way) in ways.iter().enumerate() {
        if let Some(from) = way.from.as_ref().filter(|_| way.queue.len() < BUFFER_LIMIT) {
            fds.push(PollFd::new(from, PollFlags::IN));
            targets.push((i, true));
        }
        if let Some(to) = &way.to {
            // Without data, poll still reports that the reader is gone.
            let events = if way.queue.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            fds.push(PollFd::new(to, events));
            targets.push((i, false));
        }
    }
    let timeout = deadline.map(|d| d.saturating_sub(clock::now()));
    match poll(&mut fds, timeout.and_then(|l| Timespec::try_from(l).ok()).as_ref()) {
        Ok(0) => return Ok(deadline.is_none()),
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(true),
        Err(e) => return Err(Fatal::unable("poll", e)),
    }
    let events: Vec<_> = fds.iter().map(PollFd::revents).collect();
    for (n, (events, (i, is_reader))) in events.into_iter().zip(targets).enumerate() {
        let Some(way) = ways.get_mut(i).filter(|_| !events.is_empty()) else { continue };
        if n == 0 {
            while signals.read().or_unable(|| "read signals")?.is_some() {}
            ways.iter_mut().for_each(Way::end_input);
        } else if is_reader {
            way.read(call);
        } else {
            way.write(call, events);
        }
    }
    Ok(true)
}

/// Closes an end.  A socket is shut down as well, since other processes may hold it open.
fn close(end: &mut Option<OwnedFd>, how: Shutdown) {
    if let Some(fd) = end.take()
        && sys::fs::fstat(&fd).is_ok_and(|st| FileType::from_raw_mode(st.st_mode).is_socket())
    {
        let _ = shutdown(&fd, how);
    }
}

impl Way {
    fn end_input(&mut self) {
        close(&mut self.from, Shutdown::Read);
        if self.queue.is_empty() {
            close(&mut self.to, Shutdown::Write);
        }
    }

    fn abandon(&mut self) {
        self.queue = Queue::default();
        self.end_input();
    }

    fn read(&mut self, call: &Call) {
        let Some(from) = &self.from else { return };
        let mut buf = [0; 16 * 1024];
        match rustix::io::read(from, &mut buf) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(0) => self.end_input(),
            Ok(n) => self.queue.bytes.extend_from_slice(buf.get(..n).unwrap_or_default()),
            Err(e) => {
                call.warn(format_args!("unable to read: {}", sys::strerror(e)));
                self.end_input();
            }
        }
    }

    fn write(&mut self, call: &Call, events: PollFlags) {
        let Some(to) = &self.to else { return };
        let gone = events.intersects(PollFlags::ERR | PollFlags::NVAL)
            || (events.contains(PollFlags::HUP) && !events.contains(PollFlags::OUT));
        if gone && self.queue.is_empty() {
            return self.abandon();
        }
        match self.queue.write_some(to) {
            Err(e) => {
                call.warn(format_args!("unable to write: {}", sys::strerror(e)));
                self.abandon();
            }
            Ok(()) if self.queue.is_empty() && self.from.is_none() => self.end_input(),
            Ok(()) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_input_waits_for_the_queue() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut queue = Queue::default();
        queue.bytes.push(b'x');
        let mut way = Way { from: Some(reader), to: Some(writer), queue };
        way.end_input();
        assert!(way.from.is_none() && way.to.is_some());
        way.abandon();
        assert!(way.to.is_none());
    }
}
