//! Asks servers, and waits for them: the effects of [`crate::query`].
//!
//! Each try has a socket of its own that is connected to the server, so that only its datagrams arrive, and bound to
//! a random port; with the random id a forger has to guess 32 bits.  Nothing blocks: an exchange is driven by poll(2).

use crate::failure::Failure;
use crate::query::{Action, Ask, Event, Query, Transport};
use crate::random;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, recv, send, socket_with,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tool::clock::{Moment, now, poll_until};

const PORT: u16 = 53;

/// How many random ports are tried before the kernel chooses one.
const PORTS: u8 = 10;

/// How many descriptors are kept for other things than sockets.
const OTHER_FILES: usize = 16;

/// What can be told about an exchange, for tools that show it.
#[derive(Debug)]
pub enum Stage<'a> {
    /// A server is about to be asked.
    Asking(&'a Ask),
    /// It was asked, and has so long to answer.
    Asked(&'a Ask, Duration),
    /// It sent this message.
    Received(&'a [u8]),
}

/// Who wants to know of stages.
pub type Witness<'w> = &'w mut dyn FnMut(Stage<'_>);

/// A question that is being asked.
#[derive(Debug)]
pub struct Exchange {
    query: Query,
    deadline: Option<Moment>,
    attempt: Option<Attempt>,
    end: Option<Result<Vec<u8>, Failure>>,
}

/// One server that is being asked.
#[derive(Debug)]
struct Attempt {
    ask: Ask,
    socket: OwnedFd,
    until: Moment,
    /// By TCP: how much of the question was sent, length included; `None` once it is all.
    sent: Option<usize>,
    /// By TCP: what has come in, length included.
    received: Vec<u8>,
}

impl Exchange {
    /// Begins; the deadline is for the whole.
    pub fn new(query: Query, deadline: Option<Moment>, witness: Witness<'_>) -> Self {
        let mut new = Self { query, deadline, attempt: None, end: None };
        new.feed(Event::Begin, witness);
        new
    }

    /// The question on its way.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// What to poll; `None` at the end.
    #[must_use]
    pub fn poll_fd(&self) -> Option<PollFd<'_>> {
        let attempt = self.attempt.as_ref()?;
        let what = if attempt.sent.is_some() { PollFlags::OUT } else { PollFlags::IN };
        Some(PollFd::new(&attempt.socket, what))
    }

    /// When to call [`Exchange::advance`] at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        let until = self.attempt.as_ref().map(|attempt| attempt.until);
        [until, self.deadline].into_iter().flatten().min()
    }

    /// Goes on, after poll(2) said whether the socket is ready; gives the answer when it is there.
    pub fn advance(&mut self, is_ready: bool, witness: Witness<'_>) -> Option<Result<Vec<u8>, Failure>> {
        if is_ready {
            self.transfer(witness);
        }
        if self.end.is_none() {
            let now = now();
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                self.end = Some(Err(Failure::TimedOut));
            } else if self.attempt.as_ref().is_none_or(|attempt| attempt.until <= now) {
                self.feed(Event::Expired, witness);
            }
        }
        if self.end.is_some() {
            self.attempt = None;
        }
        self.end.take()
    }

    /// Lets the query decide, and does what it says.
    fn feed(&mut self, event: Event<'_>, witness: Witness<'_>) {
        let mut event = event;
        loop {
            let id = match random::number() {
                Ok(id) => id,
                Err(e) => return self.end = Some(Err(e.into())),
            };
            match self.query.step(event, id) {
                Action::Wait => return,
                Action::Done(end) => return self.end = Some(end),
                Action::Ask(ask) => {
                    self.attempt = None;
                    match Attempt::begin(ask, witness) {
                        Ok(attempt) => return self.attempt = Some(attempt),
                        Err(_) => event = Event::Unreachable,
                    }
                }
            }
        }
    }

    /// Sends or receives what can be, now that the socket is ready.
    fn transfer(&mut self, witness: Witness<'_>) {
        let Some(attempt) = &mut self.attempt else { return };
        let done = match (attempt.ask.transport, attempt.sent) {
            (Transport::Udp, _) => attempt.receive_datagram(),
            (Transport::Tcp, Some(sent)) => attempt.send_stream(sent, witness).map(|()| None),
            (Transport::Tcp, None) => attempt.receive_stream(),
        };
        match done {
            Ok(None) | Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(Some(message)) => {
                witness(Stage::Received(&message));
                self.feed(Event::Message(&message), witness);
            }
            Err(_) => self.feed(Event::Unreachable, witness),
        }
    }
}

impl Attempt {
    fn begin(ask: Ask, witness: Witness<'_>) -> Result<Self, Errno> {
        witness(Stage::Asking(&ask));
        let family = if ask.server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let kind = match ask.transport {
            Transport::Udp => SocketType::DGRAM,
            Transport::Tcp => SocketType::STREAM,
        };
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
        bind_randomly(&socket, ask.server)?;
        match connect(&socket, &SocketAddr::from((ask.server, PORT))) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(e) => return Err(e),
        }
        let mut sent = None;
        match ask.transport {
            Transport::Tcp => sent = Some(0),
            Transport::Udp => {
                send(&socket, &ask.message, SendFlags::NOSIGNAL)?;
                witness(Stage::Asked(&ask, ask.patience));
            }
        }
        let until = now().saturating_add(ask.patience);
        Ok(Self { ask, socket, until, sent, received: Vec::new() })
    }

    fn receive_datagram(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        let mut buf = [0; 4096];
        let (_, length) = recv(&self.socket, &mut buf[..], RecvFlags::TRUNC)?;
        // More than was asked for: nobody knows what is missing.
        Ok(buf.get(..length).map(<[u8]>::to_vec))
    }

    fn send_stream(&mut self, sent: usize, witness: Witness<'_>) -> Result<(), Errno> {
        let length = u16::try_from(self.ask.message.len()).unwrap_or(u16::MAX).to_be_bytes();
        let all = [&length, self.ask.message.as_slice()].concat();
        let rest = all.get(sent..).unwrap_or_default();
        let count = send(&self.socket, rest, SendFlags::NOSIGNAL)?;
        self.sent = Some(sent.saturating_add(count)).filter(|sent| *sent < all.len());
        if self.sent.is_none() {
            self.until = now().saturating_add(self.ask.patience);
            witness(Stage::Asked(&self.ask, self.ask.patience));
        }
        Ok(())
    }

    fn receive_stream(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        let mut buf = [0; 4096];
        let (_, count) = recv(&self.socket, &mut buf[..], RecvFlags::empty())?;
        if count == 0 {
            return Err(Errno::PIPE);
        }
        self.received.extend_from_slice(buf.get(..count).unwrap_or_default());
        let Some((head, body)) = self.received.split_first_chunk::<2>() else { return Ok(None) };
        Ok(body.get(..usize::from(u16::from_be_bytes(*head))).map(<[u8]>::to_vec))
    }
}

fn bind_randomly(socket: &OwnedFd, server: IpAddr) -> Result<(), Errno> {
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    for _ in 0..PORTS {
        let port = random::number()?;
        if port > 1024 && bind(socket, &SocketAddr::from((any, port))).is_ok() {
            return Ok(());
        }
    }
    bind(socket, &SocketAddr::from((any, 0)))
}

/// How many exchanges may run side by side: the limit of descriptors, raised as far as it goes, without those that are
/// needed for other things.
#[must_use]
pub fn room() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = raised;
        }
    }
    let files = limit.current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    files.saturating_sub(OTHER_FILES).max(1)
}

/// Exchanges that run side by side, each with a key.
#[derive(Debug, Default)]
pub struct Pool<K> {
    running: Vec<(K, Exchange)>,
}

impl<K> Pool<K> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self { running: Vec::new() }
    }

    /// Adds one.
    pub fn push(&mut self, key: K, exchange: Exchange) {
        self.running.push((key, exchange));
    }

    /// How many are running.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Ends those whose key it is, without an answer; gives how many.
    pub fn cancel(&mut self, is_it: impl Fn(&K) -> bool) -> usize {
        let before = self.running.len();
        self.running.retain(|(key, _)| !is_it(key));
        before - self.running.len()
    }

    /// Waits for answers or the descriptors in `own`, at most until `until`; says which of `own` are ready, and gives
    /// the questions that are done, with their keys.
    ///
    /// # Errors
    /// poll(2) failed.
    #[expect(clippy::type_complexity, reason = "two lists")]
    pub fn wait<const N: usize>(
        &mut self,
        own: [Option<PollFd<'_>>; N],
        until: Option<Moment>,
    ) -> Result<([bool; N], Vec<(K, Exchange, Result<Vec<u8>, Failure>)>), Errno> {
        let mut wake = until;
        let mut fds = Vec::with_capacity(self.running.len() + N);
        let mut places = [None; N];
        for (place, fd) in places.iter_mut().zip(own) {
            if let Some(fd) = fd {
                *place = Some(fds.len());
                fds.push(fd);
            }
        }
        let mut sockets = Vec::with_capacity(self.running.len());
        for (_, exchange) in &self.running {
            let at = exchange.poll_fd().map(|fd| {
                fds.push(fd);
                fds.len() - 1
            });
            sockets.push(at);
            // An exchange that has ended already is collected at once.
            let moment = if at.is_some() { exchange.wake_at() } else { Some(Moment::ZERO) };
            wake = [wake, moment].into_iter().flatten().min();
        }
        poll_until(&mut fds, wake)?;
        let ready =
            |at: &Option<usize>| at.and_then(|at| fds.get(at)).is_some_and(|fd| !fd.revents().is_empty());
        let own = places.map(|at| ready(&at));
        let sockets: Vec<_> = sockets.iter().map(ready).collect();
        let mut done = Vec::new();
        let mut running = Vec::with_capacity(self.running.len());
        for ((key, mut exchange), is_ready) in self.running.drain(..).zip(sockets) {
            match exchange.advance(is_ready, &mut |_| {}) {
                Some(end) => done.push((key, exchange, end)),
                None => running.push((key, exchange)),
            }
        }
        self.running = running;
        Ok((own, done))
    }
}

/// Asks one question and waits for the answer.
///
/// # Errors
/// Why there is none.
pub fn ask(query: Query, deadline: Option<Moment>, witness: Witness<'_>) -> Result<Vec<u8>, Failure> {
    let mut exchange = Exchange::new(query, deadline, witness);
    let mut is_ready = false;
    loop {
        if let Some(end) = exchange.advance(is_ready, witness) {
            return end;
        }
        is_ready = match exchange.poll_fd() {
            Some(fd) => poll_until(&mut [fd], exchange.wake_at())? > 0,
            None => false,
        };
    }
}
