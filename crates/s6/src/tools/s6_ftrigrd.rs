//! `s6-ftrigrd`: subscribes to fifodirs for a client, and notifies it when the events there match an expression.
//!
//! Our own programs subscribe by themselves; this one is for programs that are built with the reference's library.
//! The protocol is [`wire::ftrigr`]'s.

use files::Queue;
use posix_regex::Regex;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::stdio::{stdin, stdout};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::Duration;
use supervision::fifodir::Listener;
use sys::signal;
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};
use wire::ftrigr::{CLIENT_BANNER, EVENTS, REQUEST_MAX, Request, SERVER_BANNER, front, put};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-ftrigrd",
    summary: "listen in fifodirs for the client that started it",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

/// How long the client may take to send its banner.
const BANNER_TIMEOUT: Duration = Duration::from_secs(5);

/// No more events are read while at least this many bytes wait for the client.
const EVENTS_LIMIT: usize = 1 << 20;

/// A subscription to which more letters than this come without a match fails.
const LETTERS_LIMIT: usize = 1 << 20;

struct Subscription {
    id: u32,
    keep: bool,
    deadline: Option<Moment>,
    listener: Listener,
    regex: Regex,
    seen: Vec<u8>,
}

struct Server {
    input: Vec<u8>,
    answers: Queue,
    events: Queue,
    events_fd: OwnedFd,
    subscriptions: Vec<Subscription>,
}

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let number = call.env.get(EVENTS.as_bytes());
    let number = number.and_then(number::decimal::<RawFd>).filter(|n| *n > 1).ok_or_else(|| {
        Fatal::user(format_args!(
            "variable {EVENTS} doesn't name a descriptor: only a client can start this program"
        ))
    })?;
    let events_fd = sys::fd::adopt(number).or_unable(|| format!("use descriptor {number}"))?;
    signal::set_interrupting(signal::PIPE).or_unable(|| "catch SIGPIPE")?;
    let mut server = Server {
        input: Vec::new(),
        answers: Queue::default(),
        events: Queue::default(),
        events_fd,
        subscriptions: Vec::new(),
    };
    server.greet()?;
    while server.turn()? {}
    Ok(Next::SUCCESS)
}

impl Server {
    fn greet(&mut self) -> Result<(), Fatal> {
        let deadline = clock::now().checked_add(BANNER_TIMEOUT);
        let banner = loop {
            if let Some(banner) = self.message()? {
                break banner;
            }
            let mut fds = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
            if clock::poll_until(&mut fds, deadline).or_unable(|| "poll")? == 0 || !self.read()? {
                return Err(Fatal::new(111, "the client doesn't begin"));
            }
        };
        if banner != CLIENT_BANNER {
            return Err(Fatal::user("wrong banner: the client speaks something else"));
        }
        put(&[SERVER_BANNER], &mut self.events.bytes);
        put(&[SERVER_BANNER], &mut self.answers.bytes);
        Ok(())
    }

    /// Reads once; `false` at the end of the input.
    fn read(&mut self) -> Result<bool, Fatal> {
        let mut chunk = [0; 4096];
        match rustix::io::read(stdin(), &mut chunk) {
            Ok(n) => {
                self.input.extend_from_slice(chunk.get(..n).unwrap_or_default());
                Ok(n > 0)
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(true),
            Err(e) => Err(Fatal::unable("read from the client", e)),
        }
    }

    /// The next message of the client.
    fn message(&mut self) -> Result<Option<Vec<u8>>, Fatal> {
        let too_long =
            |_| Fatal::user(format_args!("the client sent a message of more than {REQUEST_MAX} bytes"));
        let Some((content, length)) = front(&self.input).map_err(too_long)? else { return Ok(None) };
        let content = content.to_vec();
        self.input.drain(..length);
        Ok(Some(content))
    }

    /// Waits once and handles the events; `false` when the client is gone.
    fn turn(&mut self) -> Result<bool, Fatal> {
        let deadline = self.subscriptions.iter().filter_map(|s| s.deadline).min();
        let wants = |queue: &Queue| if queue.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        let mut fds = vec![
            PollFd::from_borrowed_fd(stdin(), PollFlags::IN),
            PollFd::from_borrowed_fd(stdout(), wants(&self.answers)),
            PollFd::new(&self.events_fd, wants(&self.events)),
        ];
        if self.events.len() < EVENTS_LIMIT {
            let listeners = self.subscriptions.iter().map(|s| s.listener.as_fd());
            fds.extend(listeners.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        }
        clock::poll_until(&mut fds, deadline).or_unable(|| "poll")?;
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let is_ready = |i: usize| ready.get(i) == Some(&true);
        if is_ready(1) && !self.answers.is_empty() {
            self.answers.write_some(stdout()).or_unable(|| "answer the client")?;
        }
        if is_ready(2) && !self.events.is_empty() {
            self.events.write_some(&self.events_fd).or_unable(|| "notify the client")?;
        }
        self.take_events(ready.get(3..).unwrap_or_default());
        if is_ready(0) && !self.read()? {
            return Ok(false);
        }
        while let Some(message) = self.message()? {
            self.handle_request(&message)?;
        }
        Ok(true)
    }

    fn take_events(&mut self, ready: &[bool]) {
        let (now, events) = (clock::now(), &mut self.events.bytes);
        let mut ready = ready.iter();
        self.subscriptions.retain_mut(|s| {
            let outcome = if ready.next() == Some(&true) { s.listen(events) } else { Ok(true) };
            let late = s.deadline.is_some_and(|deadline| deadline <= now);
            match outcome {
                Ok(goes_on) if !goes_on || !late => goes_on,
                outcome => {
                    let e = outcome.err().unwrap_or(Errno::TIMEDOUT);
                    put(&[&s.id.to_be_bytes(), &code(e)], events);
                    false
                }
            }
        });
    }

    fn handle_request(&mut self, message: &[u8]) -> Result<(), Fatal> {
        let request = Request::decode(message).ok_or_else(|| {
            Fatal::user(format_args!("invalid request of the client: {}", diag::show(message)))
        })?;
        let done = match request {
            Request::Unsubscribe(id) => {
                let before = self.subscriptions.len();
                self.subscriptions.retain(|s| s.id != id);
                if self.subscriptions.len() < before { Ok(()) } else { Err(Errno::INVAL) }
            }
            Request::Subscribe { id, keep, timeout, path, expression } => {
                let regex = Regex::extended(&expression).map_err(|_| Errno::INVAL);
                regex.and_then(|regex| {
                    let listener = Listener::new(&path)?;
                    let (deadline, seen) = (clock::deadline(Some(timeout)), Vec::new());
                    self.subscriptions.push(Subscription { id, keep, deadline, listener, regex, seen });
                    Ok(())
                })
            }
        };
        put(&[&done.map_or_else(code, |()| [0; 4])], &mut self.answers.bytes);
        Ok(())
    }
}

fn code(e: Errno) -> [u8; 4] {
    e.raw_os_error().to_be_bytes()
}

impl Subscription {
    /// Reads events; `false` when the subscription ends with a match.
    fn listen(&mut self, events: &mut Vec<u8>) -> Result<bool, Errno> {
        self.seen.extend(self.listener.read()?);
        if self.regex.is_match(&self.seen) {
            put(&[&self.id.to_be_bytes(), &[0; 4], &self.seen], events);
            self.seen.clear();
            return Ok(self.keep);
        }
        if self.seen.len() > LETTERS_LIMIT { Err(Errno::NOBUFS) } else { Ok(true) }
    }
}
