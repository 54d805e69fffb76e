//! The attendant for probes: whether services are ready, and whether they still do their work, as their definitions say.
//!
//! It is a service of the scan directory, made only if a definition asks ([`overlay::boot::probes`]), and apart from
//! [`crate::attendant`], which faces the network without any privileges: this one sends signals, and runs checks as services'
//! users.  Each process of such a service hands over what is needed before it becomes the daemon (`s6-overlay-attended`,
//! [`ipc::registration`]).  If the attendant is killed, the next one finds all of that on its shelf, and what was found out in the
//! reports: nothing but probing stands still.
//!
//! One loop waits for events and deadlines; a check that has to wait is an event, too.
//!
//! | module | what it is |
//! |---|---|
//! | [`attempts`] | pure: the way to readiness |
//! | [`health`] | pure: whether a service does its work |
//! | [`http_client`], [`listeners`], [`sd_notify`] | pure: what is read of others |
//! | [`processes`] | which processes are a service's, and which sockets they have |
//! | [`check`] | one check of one line |
//! | [`output`] | output on its way, while its lines are looked at |
//! | [`said`] | what services say by sd_notify(3) |
//! | [`service`] | a process that is probed |

pub mod attempts;
pub(crate) mod check;
pub mod health;
pub mod http_client;
pub mod listeners;
pub(crate) mod output;
pub(crate) mod processes;
pub(crate) mod said;
pub mod sd_notify;
pub(crate) mod service;

use check::Shared;
use ipc::registration::{self, Next, Registration, SOCKET};
use ipc::shelf::Shelf;
use output::Scratch;
use processes::Net;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use service::{PROGRAMS_MAX, Service};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use supervision::control::PROBES;
use sys::process::reap;
use sys::signal::SignalFd;
use tool::clock::{self, Moment, poll_until};
use tool::diag::{self, show};
use tool::path::join;
use wire::attended::FOLDER;

/// From a lack of descriptors to the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// The services with what they share.
pub(crate) struct Attendant {
    shelf: Shelf,
    socket: OwnedFd,
    signals: SignalFd,
    scratch: Scratch,
    shared: Shared,
    services: Vec<Service>,
    /// Until then no registration is taken.
    pause: Option<Moment>,
    /// The shelf had no room once.
    is_full: bool,
}

impl Attendant {
    /// Goes on with what is on the shelf.
    ///
    /// # Errors
    /// The socket can't be made.
    pub(crate) fn new(shelf: Shelf, signals: SignalFd, shared: Shared) -> Result<Self, Errno> {
        let (mut socket, mut services, now) = (None, Vec::new(), clock::now());
        shelf.sweep(&mut |bytes, fds| {
            if registration::is_own_socket(&bytes) {
                socket = fds.into_iter().next();
            } else {
                add(&mut services, &bytes, fds, now);
            }
        });
        let socket = match socket {
            Some(socket) => socket,
            None => open(&shelf)?,
        };
        let scratch = Scratch::new()?;
        let attendant =
            Self { shelf, socket, signals, scratch, shared, services, pause: None, is_full: false };
        attendant.clean();
        Ok(attendant)
    }

    /// Removes what is left of services that aren't known: those that have ended while there was no attendant, and those that
    /// the shelf had no room for.
    fn clean(&self) {
        let known: Vec<_> = self.services.iter().filter_map(Service::socket).collect();
        for name in files::names_at(CWD, registration::NOTIFY.as_bytes()).unwrap_or_default() {
            let path = join(registration::NOTIFY.as_bytes(), &name);
            if !known.contains(&path) && !self.is_on_its_way() {
                let _ = sys::fs::unlink(path.as_slice());
            }
        }
        for name in files::names_at(CWD, FOLDER.as_bytes()).unwrap_or_default() {
            if !self.services.iter().any(|service| service.name == name) && service::forget(&name) {
                let name = show(&name);
                let text = format_args!(
                    "{name} isn't probed any more until it is restarted: s6-overlay restart {name}"
                );
                diag::warn(PROBES, text);
            }
        }
    }

    /// Whether a registration is there that wasn't looked at.
    fn is_on_its_way(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        poll_until(&mut fds, Some(Moment::ZERO)).is_ok_and(|count| count > 0)
    }

    /// Attends the services until nothing can be waited for; gives why.
    pub(crate) fn attend(&mut self) -> Errno {
        loop {
            let mut what = Vec::new();
            let has_room = self.shared.programs < PROGRAMS_MAX;
            let wanted = if self.pause.is_none() { PollFlags::IN } else { PollFlags::empty() };
            let mut fds = vec![PollFd::new(&self.socket, wanted), PollFd::new(&self.signals, PollFlags::IN)];
            let mut until = self.pause;
            for (number, service) in self.services.iter().enumerate() {
                service.wait(&mut |fd, events, source| {
                    fds.push(PollFd::from_borrowed_fd(fd, events));
                    what.push((number, source));
                });
                until = until.into_iter().chain(service.due(has_room)).min();
            }
            if let Err(why) = poll_until(&mut fds, until) {
                return why;
            }
            let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
            let (is_told, has_signal) = (ready.next().unwrap_or(false), ready.next().unwrap_or(false));
            let happened: Vec<_> =
                what.iter().zip(ready).filter(|(_, is)| *is).map(|(one, _)| *one).collect();
            drop(fds);
            let now = clock::now();
            for (number, source) in happened {
                if let Some(service) = self.services.get_mut(number) {
                    service.serve(source, now, &self.scratch);
                }
            }
            if has_signal {
                self.reap(now);
            }
            self.pause = self.pause.filter(|at| *at > now);
            if is_told && self.pause.is_none() {
                self.hear(now);
            }
            self.shared.net = Net::default();
            for service in &mut self.services {
                service.advance(now, &mut self.shared);
                service.tell();
            }
            let count = self.services.len();
            self.services.retain(|service| !service.is_done());
            if self.services.len() < count {
                self.shelf.sweep(&mut |_, _| ());
            }
        }
    }

    /// Hears which programs have ended.
    fn reap(&mut self, now: Moment) {
        while let Ok(Some(_)) = self.signals.read() {}
        while let Ok(Some((pid, ended))) = reap() {
            self.shared.programs = self.shared.programs.saturating_sub(1);
            let _ = self.services.iter_mut().any(|service| service.program_ended(pid, ended, now));
        }
    }

    /// Takes the registrations that are there; each is put on the shelf before.
    fn hear(&mut self, now: Moment) {
        loop {
            match registration::look(self.socket.as_fd()) {
                Ok(Next::Registration(bytes, fds)) => {
                    let kept = self.shelf.put(&bytes, &fds);
                    registration::take(self.socket.as_fd());
                    add(&mut self.services, &bytes, fds, now);
                    if let (Err(e), false, Some(service)) = (kept, self.is_full, self.services.last()) {
                        self.is_full = true;
                        let (name, why) = (show(&service.name), sys::strerror(e));
                        let text = format_args!(
                            "too many services are probed to keep what {name} has handed over: {why}; if this process is killed, that isn't probed until it is restarted"
                        );
                        diag::warn(PROBES, text);
                    }
                }
                Ok(Next::Malformed) => {}
                Ok(Next::Short) | Err(_) => {
                    self.pause = Some(now.saturating_add(PAUSE));
                    return;
                }
                Ok(Next::Nothing) => return,
            }
        }
    }
}

/// Adds the service of a registration, in the place of its former process.
fn add(services: &mut Vec<Service>, bytes: &[u8], fds: Vec<OwnedFd>, now: Moment) {
    let one = Registration::of(bytes, fds.into_iter());
    let Some(service) = one.and_then(|one| Service::new(one, now)) else {
        diag::warn(PROBES, "a service has sent what isn't understood");
        return;
    };
    for former in services.iter_mut().filter(|former| former.name == service.name) {
        former.end();
    }
    services.push(service);
}

/// Makes the attendant's socket, and puts it on the shelf: the queue of what services have sent stays with it.
fn open(shelf: &Shelf) -> Result<OwnedFd, Errno> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_passcred(&socket, true)?;
    ipc::unix_socket::bind_to(&socket, SOCKET.as_bytes(), 0o600, true)?;
    let copy = rustix::io::fcntl_dupfd_cloexec(&socket, 3)?;
    shelf.put(&registration::own_socket(), &[copy])?;
    Ok(socket)
}
