//! The event loop of an fd holder.
//!
//! It never waits for a client: sockets are read and written when they are ready, a client's next request is taken
//! when it has taken the answer to the last one, and no client has more than one request and one answer in memory.
//! A client that is amid an operation and does nothing is disconnected after the time-out that is set.  If all places
//! are taken and another client comes, one that has done nothing for [`PATIENCE`] makes room, of the user who
//! has most of them.

use super::{Reply, Rights, Session, Store};
use crate::access_rules::{Rules, Verdict};
use crate::rest::{Rest, is_no_listener, is_want};
use crate::unix_message::{Filled, Receiver, Sender};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{SocketFlags, accept_with};
use rustix::stdio::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use sys::signal::{self, Set, SignalFd};
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, OrUnable, Outcome};
use wire::fdholder::LONGEST_REQUEST;
use wire::tai::Tai64n;

/// How long a client may do nothing while others wait for its place.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many requests of one client in a row, and so many new clients.
const ROW: usize = 32;

/// The longest wait for a limit, which is a time of day: the clock may be set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What a server is told to do.
#[derive(Debug)]
pub struct Settings {
    /// 0: fatal errors only, 1: warnings too, 2: every client.
    pub verbosity: u32,
    /// So many clients at once.
    pub most_clients: usize,
    /// So many descriptors held.
    pub most_fds: usize,
    /// How long a client may do nothing amid an operation.
    pub client_timeout: Option<Duration>,
    /// How long clients may take to finish after SIGTERM.
    pub lame_duck_timeout: Option<Duration>,
    /// A directory of rules, or else a cdb, which SIGHUP reads anew.
    pub rules_in_dir: bool,
    /// Its path.
    pub rules: Vec<u8>,
    /// Whether to write a newline to standard output when clients are taken.
    pub notify: bool,
}

/// Serves clients of the socket on standard input until SIGTERM.
///
/// # Errors
/// Code 100: standard input is no socket, or standard output is closed though it is to be written to;
/// 111: the rules can't be read, or the system failed.
pub fn serve(call: &mut Call, settings: Settings) -> Outcome {
    let st = fstat(stdin()).or_unable(|| "stat standard input")?;
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
    let store = Store::new(settings.most_fds);
    let mut server = Server {
        call,
        settings,
        rules,
        signals,
        store,
        clients: Vec::new(),
        rest: Rest::default(),
        is_ending: false,
        end: None,
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
    /// It hasn't had an answer yet.
    is_new: bool,
    /// There may be another whole request in the receiver.
    has_more: bool,
    /// When it last took or gave something.
    active: Moment,
}

impl Client {
    fn is_amid(&self) -> bool {
        !self.sender.is_empty() || self.receiver.is_amid() || self.session.is_amid_dump()
    }

    fn events(&self) -> PollFlags {
        if self.sender.is_empty() { PollFlags::IN } else { PollFlags::OUT }
    }

    /// Does what can be done.
    ///
    /// # Errors
    /// It is to be disconnected.
    fn serve(&mut self, is_ready: bool, store: &mut Store<OwnedFd>) -> Result<(), Errno> {
        let mut progress = self.sender.flush(&self.socket)?;
        if is_ready && self.sender.is_empty() && !self.receiver.is_full() {
            match self.receiver.fill(&self.socket) {
                Ok(Filled::Some) => progress = true,
                Ok(Filled::Nothing) => {}
                Ok(Filled::End) => return Err(Errno::PIPE),
                Err(e) => {
                    if e == Errno::NFILE {
                        // What it sent is lost; it is told why.
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
            if row == ROW {
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
    call: &'a Call,
    settings: Settings,
    rules: Rules,
    signals: SignalFd,
    store: Store<OwnedFd>,
    clients: Vec<Client>,
    rest: Rest,
    /// SIGTERM has come: no more clients.
    is_ending: bool,
    /// … and when to end at the latest.
    end: Option<Moment>,
}

impl Server<'_> {
    fn info(&self, text: impl FnOnce() -> String) {
        if self.settings.verbosity >= 2 {
            self.call.info(&text());
        }
    }

    fn warn(&self, text: impl FnOnce() -> String) {
        if self.settings.verbosity >= 1 {
            self.call.warn(&text());
        }
    }

    /// When a client's time is up.
    fn deadline(&self, client: &Client) -> Option<Moment> {
        let span = self.settings.client_timeout.filter(|_| client.is_new || client.is_amid())?;
        client.active.checked_add(span)
    }

    /// Waits once and does what there is to do; `false` at the end.
    fn turn(&mut self) -> Result<bool, Fatal> {
        let now = clock::now();
        if self.is_ending {
            self.clients.retain(Client::is_amid);
            if self.clients.is_empty() || self.end.is_some_and(|end| end <= now) {
                return Ok(false);
            }
        }
        let resting = self.rest.until();
        let is_full = self.clients.len() >= self.settings.most_clients;
        let yields = self.clients.iter().filter(|_| is_full).map(|c| c.active.saturating_add(PATIENCE)).min();
        let listen = !self.is_ending && resting.is_none() && (!is_full || yields.is_some_and(|y| y <= now));
        let mut moments: Vec<Moment> = self.clients.iter().filter_map(|c| self.deadline(c)).collect();
        moments.extend(resting);
        moments.extend(self.end);
        moments.extend(yields.filter(|y| *y > now && !self.is_ending));
        moments.extend(self.store.next_limit().map(|limit| now.saturating_add(span_until(limit))));
        if self.clients.iter().any(|c| c.has_more) {
            moments.push(now);
        }

        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        fds.extend(self.clients.iter().map(|c| PollFd::from_borrowed_fd(c.socket.as_fd(), c.events())));
        if listen {
            fds.push(PollFd::from_borrowed_fd(stdin(), PollFlags::IN));
        }
        clock::poll_until(&mut fds, moments.into_iter().min()).or_unable(|| "poll")?;
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);

        if ready.first() == Some(&true) {
            self.take_signals()?;
        }
        self.store.expire(clock::wall());
        self.serve_clients(ready.get(1..).unwrap_or_default());
        if listen && ready.last() == Some(&true) {
            self.accept()?;
        }
        Ok(true)
    }

    fn take_signals(&mut self) -> Result<(), Fatal> {
        while let Some(number) = self.signals.read().or_unable(|| "read signals")? {
            if number == signal::TERM {
                self.is_ending = true;
                let span = self.settings.lame_duck_timeout;
                self.end = self.end.or_else(|| span.and_then(|span| clock::now().checked_add(span)));
            } else {
                match read_rules(&self.settings) {
                    Ok(rules) => self.rules = rules,
                    Err(why) => self.warn(|| format!("{}; the rules stay as they are", why.message())),
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
                self.info(|| format!("end uid {}: {}", client.uid, sys::strerror(e)));
                return false;
            }
            if self.deadline(client).is_some_and(|deadline| deadline <= clock::now()) {
                self.info(|| format!("end uid {}: it does nothing", client.uid));
                return false;
            }
            true
        });
        self.clients = clients;
    }

    fn accept(&mut self) -> Result<(), Fatal> {
        for row in 0..ROW {
            // One makes room at a time: there may be no more than one who waits.
            if self.clients.len() >= self.settings.most_clients && (row > 0 || !self.make_room()) {
                break;
            }
            match accept_with(stdin(), SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(socket) => {
                    self.rest.is_over();
                    self.admit(socket);
                }
                Err(e) if is_no_listener(e) => return Err(Fatal::unable("accept", e)),
                Err(e) if is_want(e) => {
                    if self.rest.begin() {
                        self.warn(|| format!("unable to accept: {}; clients wait", sys::strerror(e)));
                    }
                    break;
                }
                Err(Errno::AGAIN) => break,
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Disconnects a client that has done nothing for long, if there is one.
    fn make_room(&mut self) -> bool {
        let now = clock::now();
        let of_user = |uid: u32| self.clients.iter().filter(|c| c.uid == uid).count();
        let idle = |client: &Client| now.saturating_sub(client.active);
        let candidates = self.clients.iter().enumerate().filter(|(_, c)| idle(c) >= PATIENCE);
        let Some((at, uid)) =
            candidates.max_by_key(|(_, c)| (of_user(c.uid), idle(c))).map(|(at, c)| (at, c.uid))
        else {
            return false;
        };
        self.warn(|| format!("end uid {uid}: it does nothing, and others wait"));
        self.clients.swap_remove(at);
        true
    }

    /// Lets a client in, or not.
    fn admit(&mut self, socket: OwnedFd) {
        let (uid, gid) = match socket_peercred(&socket) {
            Ok(who) => (who.uid.as_raw(), who.gid.as_raw()),
            Err(e) => {
                self.warn(|| format!("unable to look up the client: {}", sys::strerror(e)));
                return;
            }
        };
        let grant = match self.rules.check_ids(uid, gid) {
            Ok(Verdict::Allow(grant)) => grant,
            Ok(Verdict::Deny | Verdict::Unknown) => {
                self.info(|| format!("deny uid {uid} gid {gid}"));
                return;
            }
            Err(bad) => {
                self.warn(|| format!("deny uid {uid} gid {gid}: {bad}"));
                return;
            }
        };
        if !grant.exec.is_empty() {
            self.warn(|| format!("the rule for uid {uid} gid {gid} has a command line, which is not used"));
        }
        match Rights::of(&grant) {
            Err(why) => self.warn(|| format!("deny uid {uid} gid {gid}: {why}")),
            Ok(rights) => {
                self.info(|| format!("allow uid {uid} gid {gid}"));
                let session = Session::new(rights);
                let receiver = Receiver::new(LONGEST_REQUEST, session.most_fds());
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

/// How long it is until a time of day.
fn span_until(limit: Tai64n) -> Duration {
    let now = clock::wall();
    let seconds = limit.seconds.saturating_sub(now.seconds);
    if limit <= now {
        Duration::ZERO
    } else if seconds > LONGEST_WAIT.as_secs() {
        LONGEST_WAIT
    } else {
        let whole = Duration::new(seconds, limit.nanos);
        whole.saturating_sub(Duration::new(0, now.nanos)).saturating_add(Duration::from_millis(1))
    }
}
