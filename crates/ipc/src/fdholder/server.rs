//! The event loop of an fd holder.
//!
//! It never waits for a client: sockets are read and written when they are ready, a client's next request is taken
//! when it has taken the answer to the last one, and no client has more than one request and one answer in memory.
//! A client that is idle amid an operation is disconnected after the time-out that is set.  If the limit of clients is
//! reached and another one connects, a client that has been idle for [`super::plan::IDLE_LIMIT`] is disconnected, of the
//! user with the most clients.  The decisions are in [`super::plan`].

use super::plan::{Place, Plan, Refusal, State, admit, deadline, makes_room, plan};
use super::{Reply, Session, Store};
use crate::access_rules::{Rules, Verdict};
use crate::back_off::{BackOff, is_exhaustion, is_no_listener};
use crate::diagnostics::Diagnostics;
use crate::unix_message::{Filled, Receiver, Sender};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{SocketFlags, accept_with};
use rustix::stdio::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use sys::signal::{self, Set, SignalFd};
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, OrUnable, Outcome};
use wire::fdholder::REQUEST_MAX;
use wire::tai::Tai64n;

/// At most this many requests of one client are answered in a row, and at most this many new clients accepted.
const ROW_LIMIT: usize = 32;

/// How a server works.
#[derive(Debug)]
pub struct Settings {
    /// 0: fatal errors only, 1: warnings too, 2: every client.
    pub verbosity: u32,
    /// The limit of clients at once.
    pub client_limit: usize,
    /// The limit of descriptors in the store.
    pub fd_limit: usize,
    /// How long a client may do nothing amid an operation.
    pub client_timeout: Option<Duration>,
    /// How long clients may take to finish after SIGTERM.
    pub lame_duck_timeout: Option<Duration>,
    /// Whether the rules are in a directory rather than in a cdb, which is read again on SIGHUP.
    pub rules_in_dir: bool,
    /// The path of the directory or the cdb.
    pub rules: Vec<u8>,
    /// Whether to write a newline to standard output when clients can connect.
    pub notify: bool,
}

/// Serves clients of the socket on standard input until SIGTERM.
///
/// # Errors
/// Code 100: standard input is no socket, or standard output is closed though the server is to notify on it;
/// 111: the rules can't be read, or the system failed.
pub fn serve(call: &mut Call, settings: Settings) -> Outcome {
    let st = sys::fs::fstat(stdin()).or_unable(|| "stat standard input")?;
    if !FileType::from_raw_mode(st.st_mode).is_socket() {
        return Err(Fatal::user("standard input is no socket"));
    }
    if settings.notify && !sys::fd::is_open(1) {
        return Err(Fatal::user("standard output is closed"));
    }
    let rules = read_rules(&settings)?;
    rustix::io::ioctl_fionbio(stdin(), true).or_unable(|| "put the socket into non-blocking mode")?;
    signal::set_interrupting(signal::PIPE).or_unable(|| "catch SIGPIPE")?;
    let signals = Set::of(&[signal::TERM, signal::HUP]);
    let signals = SignalFd::new(&signals).or_unable(|| "make a signal descriptor")?;
    if settings.notify {
        rustix::io::write(rustix::stdio::stdout(), b"\n").or_unable(|| "notify")?;
    }
    sys::fd::close(1);
    let store = Store::new(settings.fd_limit);
    let mut server = Server {
        diagnostics: Diagnostics { call, verbosity: settings.verbosity },
        settings,
        rules,
        signals,
        store,
        clients: Vec::new(),
        back_off: BackOff::default(),
        is_ending: false,
        exit_deadline: None,
    };
    while server.turn()? {}
    Ok(Next::SUCCESS)
}

fn read_rules(settings: &Settings) -> Result<Rules, Fatal> {
    let path = Some(settings.rules.as_slice());
    let rules = if settings.rules_in_dir { Rules::open(path, None) } else { Rules::open(None, path) };
    rules?.ok_or_else(Fatal::usage)
}

struct Client {
    socket: OwnedFd,
    uid: u32,
    session: Session,
    sender: Sender,
    receiver: Receiver,
    /// The client hasn't got an answer yet.
    is_new: bool,
    /// Another whole request may be in the receiver.
    has_more: bool,
    /// When bytes last went in or out.
    active: Moment,
}

impl Client {
    fn is_amid(&self) -> bool {
        !self.sender.is_empty() || self.receiver.is_amid() || self.session.is_amid_dump()
    }

    fn place(&self) -> Place {
        let Self { uid, active, has_more, .. } = *self;
        Place { uid, active, is_timed: self.is_new || self.is_amid(), has_more }
    }

    fn events(&self) -> PollFlags {
        if self.sender.is_empty() { PollFlags::IN } else { PollFlags::OUT }
    }

    /// Sends and receives without waiting, and handles the requests that are complete.
    ///
    /// # Errors
    /// The client is to be disconnected.
    fn serve(&mut self, is_ready: bool, store: &mut Store<OwnedFd>) -> Result<(), Errno> {
        let mut progress = self.sender.flush(&self.socket)?;
        if is_ready && self.sender.is_empty() && !self.receiver.is_full() {
            match self.receiver.fill(&self.socket) {
                Ok(Filled::Some) => progress = true,
                Ok(Filled::Nothing) => {}
                Ok(Filled::End) => return Err(Errno::PIPE),
                Err(e) => {
                    if e == Errno::NFILE {
                        // What it sent is lost; the answer says why.
                        self.answer(Reply::error(e))?;
                    }
                    return Err(e);
                }
            }
        }
        self.has_more = false;
        for row in 0.. {
            if !self.sender.is_empty() {
                break;
            }
            if row == ROW_LIMIT {
                self.has_more = true;
                break;
            }
            let Some(message) = self.receiver.take()? else { break };
            let replies = self.session.take(store, &message.bytes, message.fds)?;
            self.answer(replies)?;
            progress = true;
        }
        if progress {
            self.active = clock::now();
        }
        Ok(())
    }

    fn answer(&mut self, replies: Vec<Reply<OwnedFd>>) -> Result<(), Errno> {
        for reply in replies {
            self.sender.put(&reply.bytes, reply.fds)?;
        }
        self.sender.flush(&self.socket)?;
        self.is_new = false;
        Ok(())
    }
}

struct Server<'a> {
    diagnostics: Diagnostics<'a>,
    settings: Settings,
    rules: Rules,
    signals: SignalFd,
    store: Store<OwnedFd>,
    clients: Vec<Client>,
    back_off: BackOff,
    /// SIGTERM was received: no more clients are accepted.
    is_ending: bool,
    /// When the server exits then, whether clients have finished or not.
    exit_deadline: Option<Moment>,
}

impl Server<'_> {
    /// Waits once and handles the events; `false` when the server is to exit.
    fn turn(&mut self) -> Result<bool, Fatal> {
        let now = clock::now();
        if self.is_ending {
            self.clients.retain(Client::is_amid);
            if self.clients.is_empty() || self.exit_deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(false);
            }
        }
        let state = State {
            client_limit: self.settings.client_limit,
            client_timeout: self.settings.client_timeout,
            back_off: self.back_off.until(now),
            is_ending: self.is_ending,
            exit_deadline: self.exit_deadline,
            entry_end: self.store.next_limit().map(|limit| span_until(limit, clock::wall())),
        };
        let Plan { listens, deadline } = plan(&state, &self.places(), now);

        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        fds.extend(self.clients.iter().map(|c| PollFd::from_borrowed_fd(c.socket.as_fd(), c.events())));
        if listens {
            fds.push(PollFd::from_borrowed_fd(stdin(), PollFlags::IN));
        }
        clock::poll_until(&mut fds, deadline).or_unable(|| "poll")?;
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);

        if ready.first() == Some(&true) {
            self.take_signals()?;
        }
        self.store.expire(clock::wall());
        self.serve_clients(ready.get(1..).unwrap_or_default());
        if listens && ready.last() == Some(&true) {
            self.accept()?;
        }
        Ok(true)
    }

    fn take_signals(&mut self) -> Result<(), Fatal> {
        while let Some(number) = self.signals.read().or_unable(|| "read signals")? {
            if number == signal::TERM {
                self.is_ending = true;
                let span = self.settings.lame_duck_timeout;
                self.exit_deadline =
                    self.exit_deadline.or_else(|| span.and_then(|span| clock::now().checked_add(span)));
            } else {
                match read_rules(&self.settings) {
                    Ok(rules) => self.rules = rules,
                    Err(why) => {
                        self.diagnostics.warn(|| format!("{}; the rules stay as they are", why.message()))
                    }
                }
            }
        }
        Ok(())
    }

    fn serve_clients(&mut self, ready: &[bool]) {
        let mut ready = ready.iter();
        let mut clients = std::mem::take(&mut self.clients);
        clients.retain_mut(|client| {
            let is_ready = ready.next() == Some(&true);
            if let Err(e) = client.serve(is_ready, &mut self.store) {
                self.diagnostics.info(|| format!("end uid {}: {}", client.uid, sys::strerror(e)));
                return false;
            }
            let deadline = deadline(client.place(), self.settings.client_timeout);
            if deadline.is_some_and(|at| at <= clock::now()) {
                self.diagnostics.info(|| format!("end uid {}: it does nothing", client.uid));
                return false;
            }
            true
        });
        self.clients = clients;
    }

    fn accept(&mut self) -> Result<(), Fatal> {
        for row in 0..ROW_LIMIT {
            // One client makes room at a time, since no more than one may be waiting.
            if self.clients.len() >= self.settings.client_limit && (row > 0 || !self.make_room()) {
                break;
            }
            match accept_with(stdin(), SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(socket) => {
                    self.back_off.end_series();
                    self.admit(socket);
                }
                Err(e) if is_no_listener(e) => return Err(Fatal::unable("accept", e)),
                Err(e) if is_exhaustion(e) => {
                    if self.back_off.begin(clock::now()) {
                        self.diagnostics
                            .warn(|| format!("unable to accept: {}; clients wait", sys::strerror(e)));
                    }
                    break;
                }
                Err(Errno::AGAIN) => break,
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn places(&self) -> Vec<Place> {
        self.clients.iter().map(Client::place).collect()
    }

    /// Disconnects an idle client, if there is one.
    fn make_room(&mut self) -> bool {
        let Some(at) = makes_room(&self.places(), clock::now()) else { return false };
        let client = self.clients.swap_remove(at);
        self.diagnostics.warn(|| format!("end uid {}: it does nothing, and others wait", client.uid));
        true
    }

    /// Allows or refuses a new client.
    fn admit(&mut self, socket: OwnedFd) {
        let (uid, gid) = match socket_peercred(&socket) {
            Ok(ids) => (ids.uid.as_raw(), ids.gid.as_raw()),
            Err(e) => {
                self.diagnostics.warn(|| format!("unable to look up the client: {}", sys::strerror(e)));
                return;
            }
        };
        let verdict = self.rules.check_ids(uid, gid).map_err(|bad| bad.to_string());
        if matches!(&verdict, Ok(Verdict::Allow(grant)) if !grant.exec.is_empty()) {
            self.diagnostics
                .warn(|| format!("the rule for uid {uid} gid {gid} has a command line, which is not used"));
        }
        match admit(verdict) {
            Err(Refusal::NoRule) => self.diagnostics.info(|| format!("deny uid {uid} gid {gid}")),
            Err(Refusal::Faulty(why)) => self.diagnostics.warn(|| format!("deny uid {uid} gid {gid}: {why}")),
            Ok(rights) => {
                self.diagnostics.info(|| format!("allow uid {uid} gid {gid}"));
                let session = Session::new(rights);
                let receiver = Receiver::new(REQUEST_MAX, session.fds_max());
                self.clients.push(Client {
                    socket,
                    uid,
                    session,
                    sender: Sender::default(),
                    receiver,
                    is_new: true,
                    has_more: false,
                    active: clock::now(),
                });
            }
        }
    }
}

/// The span until a time of day, and a millisecond more, so that the time has passed when the span has.
fn span_until(limit: Tai64n, now: Tai64n) -> Duration {
    if limit <= now {
        return Duration::ZERO;
    }
    let since_zero = |time: Tai64n| Duration::new(time.seconds, time.nanos);
    since_zero(limit).saturating_sub(since_zero(now)).saturating_add(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_those_between_two_times_and_a_millisecond() {
        let at = |seconds, nanos| Tai64n { seconds, nanos };
        let span = |limit| span_until(limit, at(100, 600_000_000)).as_micros();
        assert_eq!([at(99, 0), at(100, 0), at(100, 600_000_000)].map(span), [0, 0, 0]);
        assert_eq!([at(100, 700_000_000), at(101, 0), at(102, 0)].map(span), [101_000, 401_000, 1_401_000]);
        assert_eq!(span_until(at(u64::MAX, 999_999_999), at(0, 0)), Duration::MAX);
    }

    #[test]
    fn limits() {
        assert_eq!(ROW_LIMIT, 32);
    }
}
