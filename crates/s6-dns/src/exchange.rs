//! Sends questions and waits for answers: performs what [`crate::query`] decides.
//!
//! Each attempt has its own socket, connected to the server so that only the server's datagrams arrive, and bound to
//! a random port: with the random id, an off-path attacker has to guess 32 bits.  Nothing blocks: an exchange is
//! driven by poll(2).

use crate::failure::Failure;
use crate::query::{Action, Ask, Event, Query, Transport};
use crate::random;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, recv, send, socket_with,
};
use rustix::process::{Resource, Rlimit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tool::clock::{Moment, now, poll_until};

/// The port of DNS servers.
const PORT: u16 = 53;

/// How many bytes are received at once; a datagram may have no more.
const BUFFER: usize = 4096;

/// How many random ports are tried before the kernel chooses one.
const RANDOM_PORT_ATTEMPTS: u8 = 10;

/// Random ports are above this.
const HIGHEST_RESERVED_PORT: u16 = 1024;

/// How many descriptors are reserved for other files than sockets.
const RESERVED_DESCRIPTORS: usize = 16;

/// A stage of an exchange, for tools that show it.
#[derive(Debug)]
pub(crate) enum Stage<'a> {
    /// A server is about to be asked.
    Asking(&'a Ask),
    /// It was asked, and has this long to answer.
    Asked(&'a Ask, Duration),
    /// It sent this message.
    Received(&'a [u8]),
}

/// Called at each stage.
pub(crate) type Observer<'o> = &'o mut dyn FnMut(Stage<'_>);

/// A question being asked.
#[derive(Debug)]
pub(crate) struct Exchange {
    query: Query,
    deadline: Option<Moment>,
    attempt: Option<Attempt>,
    outcome: Option<Result<Vec<u8>, Failure>>,
}

/// One server being asked.
#[derive(Debug)]
struct Attempt {
    ask: Ask,
    socket: OwnedFd,
    until: Moment,
    /// TCP: how many bytes of the question were sent, its length included; `None` once all were.
    sent: Option<usize>,
    /// TCP: the bytes received, the length included.
    received: Vec<u8>,
}

impl Exchange {
    /// Starts asking; the deadline is for the whole exchange.
    pub(crate) fn new(query: Query, deadline: Option<Moment>, observer: Observer<'_>) -> Self {
        let mut new = Self { query, deadline, attempt: None, outcome: None };
        new.feed(Event::Begin, observer);
        new
    }

    /// The query that decides.
    #[must_use]
    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    /// The socket to poll; `None` at the end.
    #[must_use]
    pub(crate) fn poll_fd(&self) -> Option<PollFd<'_>> {
        let attempt = self.attempt.as_ref()?;
        let what = if attempt.sent.is_some() { PollFlags::OUT } else { PollFlags::IN };
        Some(PollFd::new(&attempt.socket, what))
    }

    /// When to call [`Exchange::advance`] at the latest.
    #[must_use]
    pub(crate) fn wake_at(&self) -> Option<Moment> {
        let until = self.attempt.as_ref().map(|attempt| attempt.until);
        [until, self.deadline].into_iter().flatten().min()
    }

    /// Continues after poll(2), which says whether the socket is ready; returns the answer once there is one.
    pub(crate) fn advance(
        &mut self,
        is_ready: bool,
        observer: Observer<'_>,
    ) -> Option<Result<Vec<u8>, Failure>> {
        if is_ready {
            self.transfer(observer);
        }
        if self.outcome.is_none() {
            let now = now();
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                self.outcome = Some(Err(Failure::TimedOut));
            } else if self.attempt.as_ref().is_none_or(|attempt| attempt.until <= now) {
                self.feed(Event::TimedOut, observer);
            }
        }
        if self.outcome.is_some() {
            self.attempt = None;
        }
        self.outcome.take()
    }

    /// Passes an event to the query and performs its actions.
    fn feed(&mut self, event: Event<'_>, observer: Observer<'_>) {
        let mut event = event;
        loop {
            let id = match random::number() {
                Ok(id) => id,
                Err(e) => return self.outcome = Some(Err(e.into())),
            };
            match self.query.step(event, id) {
                Action::Wait => return,
                Action::Done(outcome) => return self.outcome = Some(outcome),
                Action::Ask(ask) => {
                    self.attempt = None;
                    match Attempt::begin(ask, observer) {
                        Ok(attempt) => return self.attempt = Some(attempt),
                        Err(_) => event = Event::Unreachable,
                    }
                }
            }
        }
    }

    /// Sends or receives as much as the socket is ready for.
    fn transfer(&mut self, observer: Observer<'_>) {
        let Some(attempt) = &mut self.attempt else { return };
        let done = match (attempt.ask.transport, attempt.sent) {
            (Transport::Udp, _) => attempt.receive_datagram(),
            (Transport::Tcp, Some(sent)) => attempt.send_stream(sent, observer).map(|()| None),
            (Transport::Tcp, None) => attempt.receive_stream(),
        };
        match done {
            Ok(None) | Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(Some(message)) => {
                observer(Stage::Received(&message));
                self.feed(Event::Message(&message), observer);
            }
            Err(_) => self.feed(Event::Unreachable, observer),
        }
    }
}

impl Attempt {
    fn begin(ask: Ask, observer: Observer<'_>) -> Result<Self, Errno> {
        observer(Stage::Asking(&ask));
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
                observer(Stage::Asked(&ask, ask.timeout));
            }
        }
        let until = now().saturating_add(ask.timeout);
        Ok(Self { ask, socket, until, sent, received: Vec::new() })
    }

    fn receive_datagram(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        let mut buf = [0; BUFFER];
        let (_, length) = recv(&self.socket, &mut buf[..], RecvFlags::TRUNC)?;
        // A datagram larger than the buffer is dropped: it can't be read whole.
        Ok(buf.get(..length).map(<[u8]>::to_vec))
    }

    fn send_stream(&mut self, sent: usize, observer: Observer<'_>) -> Result<(), Errno> {
        let length = u16::try_from(self.ask.message.len()).unwrap_or(u16::MAX).to_be_bytes();
        let all = [&length, self.ask.message.as_slice()].concat();
        let rest = all.get(sent..).unwrap_or_default();
        let count = send(&self.socket, rest, SendFlags::NOSIGNAL)?;
        self.sent = Some(sent.saturating_add(count)).filter(|sent| *sent < all.len());
        if self.sent.is_none() {
            self.until = now().saturating_add(self.ask.timeout);
            observer(Stage::Asked(&self.ask, self.ask.timeout));
        }
        Ok(())
    }

    fn receive_stream(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        let mut buf = [0; BUFFER];
        let (_, count) = recv(&self.socket, &mut buf[..], RecvFlags::empty())?;
        if count == 0 {
            return Err(Errno::PIPE);
        }
        self.received.extend_from_slice(buf.get(..count).unwrap_or_default());
        let Some((head, body)) = self.received.split_first_chunk::<2>() else { return Ok(None) };
        Ok(body.get(..usize::from(u16::from_be_bytes(*head))).map(<[u8]>::to_vec))
    }
}

/// Binds a socket to a random port.
fn bind_randomly(socket: &OwnedFd, server: IpAddr) -> Result<(), Errno> {
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    for _ in 0..RANDOM_PORT_ATTEMPTS {
        let port = random::number()?;
        if port > HIGHEST_RESERVED_PORT && bind(socket, &SocketAddr::from((any, port))).is_ok() {
            return Ok(());
        }
    }
    bind(socket, &SocketAddr::from((any, 0)))
}

/// How many exchanges may run at once: the limit of descriptors, raised to its maximum, minus the reserved ones.
#[must_use]
pub(crate) fn concurrency_limit() -> usize {
    let mut limit = sys::limit::get(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if sys::limit::set(Resource::Nofile, &raised).is_ok() {
            limit = raised;
        }
    }
    let files = limit.current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    files.saturating_sub(RESERVED_DESCRIPTORS).max(1)
}

/// Concurrent exchanges, each with a key.
#[derive(Debug, Default)]
pub(crate) struct Pool<K> {
    running: Vec<(K, Exchange)>,
}

impl<K> Pool<K> {
    /// Starts empty.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { running: Vec::new() }
    }

    /// Adds an exchange.
    pub(crate) fn push(&mut self, key: K, exchange: Exchange) {
        self.running.push((key, exchange));
    }

    /// How many are running.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none is running.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Drops the exchanges whose keys match; returns how many.
    pub(crate) fn cancel(&mut self, matches: impl Fn(&K) -> bool) -> usize {
        let before = self.running.len();
        self.running.retain(|(key, _)| !matches(key));
        before - self.running.len()
    }

    /// Waits for answers or for `descriptors`, at most until `until`; returns which descriptors are ready, and the
    /// exchanges that are complete, with their keys and outcomes.
    ///
    /// # Errors
    /// poll(2) failed.
    #[expect(clippy::type_complexity, reason = "two lists")]
    pub(crate) fn wait<const N: usize>(
        &mut self,
        descriptors: [Option<PollFd<'_>>; N],
        until: Option<Moment>,
    ) -> Result<([bool; N], Vec<(K, Exchange, Result<Vec<u8>, Failure>)>), Errno> {
        let mut wake = until;
        let mut fds = Vec::with_capacity(self.running.len() + N);
        let mut places = [None; N];
        for (place, fd) in places.iter_mut().zip(descriptors) {
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
            // An exchange that is complete already is collected at once.
            let moment = if at.is_some() { exchange.wake_at() } else { Some(Moment::ZERO) };
            wake = [wake, moment].into_iter().flatten().min();
        }
        poll_until(&mut fds, wake)?;
        let ready =
            |at: &Option<usize>| at.and_then(|at| fds.get(at)).is_some_and(|fd| !fd.revents().is_empty());
        let descriptors = places.map(|at| ready(&at));
        let sockets: Vec<_> = sockets.iter().map(ready).collect();
        let mut done = Vec::new();
        let mut running = Vec::with_capacity(self.running.len());
        for ((key, mut exchange), is_ready) in self.running.drain(..).zip(sockets) {
            match exchange.advance(is_ready, &mut |_| {}) {
                Some(outcome) => done.push((key, exchange, outcome)),
                None => running.push((key, exchange)),
            }
        }
        self.running = running;
        Ok((descriptors, done))
    }
}

/// Asks one question and waits for the answer.
///
/// # Errors
/// Why there is none.
pub(crate) fn ask(
    query: Query,
    deadline: Option<Moment>,
    observer: Observer<'_>,
) -> Result<Vec<u8>, Failure> {
    let mut exchange = Exchange::new(query, deadline, observer);
    let mut is_ready = false;
    loop {
        if let Some(outcome) = exchange.advance(is_ready, observer) {
            return outcome;
        }
        is_ready = match exchange.poll_fd() {
            Some(fd) => poll_until(&mut [fd], exchange.wake_at())? > 0,
            None => false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Question;
    use crate::name::Name;

    #[test]
    fn servers_are_asked_on_port_53_from_a_high_port() {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None).unwrap();
        bind_randomly(&socket, Ipv4Addr::LOCALHOST.into()).unwrap();
        let port = SocketAddr::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap().port();
        assert!(port > 1024, "{port}");
        let question = Question { name: Name::from_text(b"a").unwrap(), rtype: 1, recursive: true };
        let query = Query::new(question, &[Ipv4Addr::new(127, 0, 0, 99).into()], false);
        let exchange = Exchange::new(query, None, &mut |_| {});
        let peer = rustix::net::getpeername(&exchange.attempt.as_ref().unwrap().socket).unwrap().unwrap();
        assert_eq!(SocketAddr::try_from(peer).unwrap().to_string(), "127.0.0.99:53");
    }

    #[test]
    fn an_attempt_lasts_as_long_as_its_time_out_and_an_exchange_as_its_deadline() {
        let question = Question { name: Name::from_text(b"a").unwrap(), rtype: 1, recursive: true };
        let query = || Query::new(question.clone(), &[Ipv4Addr::new(127, 0, 0, 99).into()], false);
        let before = now();
        let wake = Exchange::new(query(), None, &mut |_| {}).wake_at().unwrap();
        assert!(before + Duration::from_secs(3) <= wake && wake <= now() + Duration::from_secs(3));
        let deadline = before + Duration::from_secs(1);
        assert_eq!(Exchange::new(query(), Some(deadline), &mut |_| {}).wake_at(), Some(deadline));
        let mut late = Exchange::new(query(), Some(before), &mut |_| {});
        assert_eq!(late.advance(false, &mut |_| {}), Some(Err(Failure::TimedOut)));
    }
}
