//! The container's first process as the policy of the root scandir's host.
//!
//! [`crate::pid1::lifecycle`] decides what signals, requests and ended children mean.

use super::NAME;
use crate::boot::catch_all;
use crate::boot::inherited::Inherited;
use crate::boot::stage2::Stage2;
use crate::layout;
use crate::pid1::cause::Cause;
use crate::pid1::container::Container;
use crate::pid1::effects::{ContainerEffects, Effects};
use crate::pid1::forked::Forked;
use crate::pid1::lifecycle::{Event, SIGNALS};
use crate::pid1::relay_process::RelayProcess;
use crate::pid1::shutdownd::Shutdownd;
use crate::relay::Format;
use ipc::relay::Relay;
use rustix::io::Errno;
use rustix::process::{Pid, Rlimit};
use s6_linux_init::request::{How, MESSAGE, Request, read_message};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use supervisor::host::{Handled, Host, Policy, PolicyState};
use sys::process::{Ended, Fork, fork};
use sys::signal::{Sender, Set, Signal};
use tool::clock::{self, Moment};
use tool::{Env, diag};
use wire::control::ScanCommand;

/// The command line of the boot child in ps: that of the reference.
const BOOT_TITLE: &[u8] = b"/run/s6/basedir/scripts/rc.init top";

/// The key of the FIFO for requests.
const REQUESTS: u32 = 0;
/// The key of the pipe on which the boot child announces that it becomes the CMD.
const NOTICE: u32 = 1;
/// The key of the FIFO for commands to the service whose work this process does.
const SHUTDOWND: u32 = 2;

/// The number of requests that are read at once.
const REQUESTS_MAX: usize = 16;

/// What the boot child gets.
#[derive(Debug)]
pub(crate) struct Boot {
    /// The container's standard input.
    pub(crate) stdin: OwnedFd,
    /// The CMD.
    pub(crate) command: Vec<Vec<u8>>,
    /// The other descriptors that the container was started with.
    pub(crate) inherited: Inherited,
    /// The descriptor of the container's terminal, which becomes the boot session's; `None` without one.
    pub(crate) terminal: Option<i32>,
    /// Whether the CMD's output goes to the relay, too, if there is one.
    pub(crate) relays_command: bool,
}

/// The policy of the host.
#[derive(Debug)]
pub(crate) struct Init {
    container: Container,
    env: Env,
    requests: OwnedFd,
    notice: Option<OwnedFd>,
    /// The limit on open files from before the host raised its own.
    open_files: Option<Rlimit>,
    /// The format of services' lines, if they are relayed.
    output: Output,
    relay: Option<RelayProcess>,
    shutdownd: Option<Shutdownd>,
    /// Whether a malformed request was reported, and what came with it may not be read to its end.
    has_malformed: bool,
}

/// Through which process the container's output goes, besides what the CMD writes itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// The format of services' lines, if they are relayed.
    pub(crate) format: Option<Format>,
    /// Whether the catch-all logger shows what it logs.
    pub(crate) shows_log: bool,
}

impl Init {
    /// A container that is about to boot.  `requests` is the FIFO, open for reading and writing.
    pub(crate) fn new(container: Container, env: Env, requests: OwnedFd, output: Output) -> Self {
        let (notice, open_files, relay, shutdownd) = (None, None, None, None);
        Self { container, env, requests, notice, open_files, output, relay, shutdownd, has_malformed: false }
    }

    /// Continues a container whose first process was re-executed; `None` if the saved state is invalid.
    pub(crate) fn resume(saved: PolicyState, env: Env, host: &mut Host, output: Output) -> Option<Self> {
        let (container, relay) = Container::restore(&saved.bytes)?;
        let mut fds = saved.fds.into_iter();
        let requests = fds.next()?;
        let relay = match relay {
            Some(pid) => Some(RelayProcess::restored(pid, fds.next()?, fds.next()?)),
            None => None,
        };
        host.set_relay(relay.as_ref().map(RelayProcess::socket));
        let notice = fds.next();
        host.watch(requests.as_fd(), REQUESTS).ok()?;
        if let Some(notice) = &notice {
            host.watch(notice.as_fd(), NOTICE).ok()?;
        }
        let open_files = Some(host.launch().open_files);
        let shutdownd = Shutdownd::open().ok().filter(|s| host.watch(s.as_fd(), SHUTDOWND).is_ok());
        let has_malformed = false;
        Some(Self { container, env, requests, notice, open_files, output, relay, shutdownd, has_malformed })
    }

    /// Starts the relay if a format is set; without a relay, services write to the container's output themselves.
    fn start_relay(&mut self, host: &mut Host, former: Option<RelayProcess>) {
        let Some(format) = self.output.format else { return };
        let relay = match former {
            Some(former) => former.replace(format),
            None => RelayProcess::start(format),
        };
        match relay {
            Ok(relay) => {
                host.set_relay(Some(relay.socket()));
                self.relay = Some(relay);
            }
            Err(e) => {
                let text = "unable to start the relay of services' output, which comes as it is";
                diag::warn(NAME, &format!("{text}: {}", sys::strerror(e)));
            }
        }
    }

    /// Lets the relay end after the last process that writes to it, since no service will be started any more.
    pub(crate) fn seal_relay(&mut self, host: &mut Host) {
        host.set_relay(None);
        if let Some(relay) = &self.relay {
            relay.seal();
        }
    }

    /// The relay, until it has ended.
    pub(crate) fn relay(&self) -> Option<&RelayProcess> {
        self.relay.as_ref()
    }

    /// The process that passes the container's output on: the relay, or the catch-all logger.
    pub(crate) fn keeper(&mut self) -> Option<Pid> {
        self.with_effects(None).1.keeper()
    }

    /// Whether a stop was requested, rather than the CMD's end or a failed start causing it.
    pub(crate) fn is_asked_to_stop(&self) -> bool {
        self.container.is_asked_to_stop()
    }

    /// Readable if there are requests.
    pub(crate) fn requests(&self) -> BorrowedFd<'_> {
        self.requests.as_fd()
    }

    /// Starts the boot child.
    ///
    /// # Errors
    /// No child can be made.
    pub(crate) fn begin(&mut self, host: &mut Host, boot: Boot) -> Result<(), Errno> {
        self.open_files = Some(host.launch().open_files);
        host.watch(self.requests.as_fd(), REQUESTS)?;
        self.show_shutdownd(host);
        self.start_relay(host, None);
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        match fork()? {
            Fork::Parent(pid) => {
                boot.inherited.close();
                self.container.set_boot(pid);
            }
            Fork::Child => self.become_boot_child(boot, writer),
        }
        host.watch(reader.as_fd(), NOTICE)?;
        self.notice = Some(reader);
        Ok(())
    }

    /// Makes the directory of the service whose work this process does.
    fn show_shutdownd(&mut self, host: &mut Host) {
        let made = Shutdownd::make().and_then(|s| host.watch(s.as_fd(), SHUTDOWND).map(|()| s));
        match made {
            Ok(shutdownd) => self.shutdownd = Some(shutdownd),
            Err(e) => {
                diag::warn(NAME, &format!("unable to make {}: {}", layout::SHUTDOWND, sys::strerror(e)))
            }
        }
    }

    /// Continues in the boot child.
    fn become_boot_child(&self, boot: Boot, notice: OwnedFd) -> ! {
        let _ = rustix::process::setsid();
        let _ = sys::fd::copy(boot.stdin.as_raw_fd(), 0);
        if let Some(number) = boot.terminal {
            let _ = sys::fd::with(number, |fd| rustix::process::ioctl_tiocsctty(fd));
        }
        if catch_all::exists() {
            catch_all::join_log();
        }
        let keep: Vec<_> = std::iter::once(notice.as_fd()).chain(self.relay_fd()).collect();
        let mask = Set::empty();
        let forked = Forked {
            title: BOOT_TITLE,
            open_files: self.open_files,
            keep: &keep,
            inherited: boot.inherited.numbers(),
            mask: &mask,
        };
        let mut kept = forked.enter().into_iter();
        let stage2 = Stage2 {
            env: self.env.clone(),
            notice: kept.next().flatten(),
            relay: kept.next().flatten().map(|socket| Rc::new(Relay::from(socket))),
            command: boot.command,
            inherited: boot.inherited,
            relays_command: boot.relays_command,
        };
        let path = self.env.get(crate::environment::variables::PATH.bytes()).map(<[u8]>::to_vec);
        tool::conclude(NAME, stage2.carry_out(), path.as_deref())
    }

    /// How the container ends, as soon as that is known.
    pub(crate) fn end(&self) -> Option<How> {
        self.container.end()
    }

    /// When [`Init::expire`] is due.
    pub(crate) fn due(&self) -> Option<Moment> {
        self.container.deadline()
    }

    /// Handles the end of the deadline.
    pub(crate) fn expire(&mut self, host: Option<&mut Host>) {
        self.step(Event::Time, None, host);
    }

    /// Handles that the host has left its loop, unless the container asked for it.
    pub(crate) fn host_lost(&mut self) {
        self.step(Event::HostLost, None, None);
    }

    /// Handles that no process is left.
    pub(crate) fn emptied(&mut self) {
        self.step(Event::Empty, None, None);
    }

    /// Handles a signal of [`SIGNALS`].
    pub(crate) fn signaled(&mut self, signal: Signal, sender: Sender, host: &mut Host) {
        self.step(Event::Signal(signal), Some(&Cause::Signal(signal, sender)), Some(host));
    }

    /// Handles the end of a child that belongs to no service.
    pub(crate) fn child_ended(&mut self, pid: Pid, ended: Ended, mut host: Option<&mut Host>) {
        let now = clock::now();
        let (container, mut effects) = self.with_effects(host.as_deref_mut());
        if container.child_ended(pid, ended, now, &mut effects) {
            return;
        }
        if let Some(relay) = self.relay.take_if(|relay| relay.pid() == pid)
            && let Some(host) = host
        {
            diag::warn(NAME, "the relay of services' output is gone, and output with it");
            host.set_relay(None);
            if relay.has_lived(clock::now()) {
                self.start_relay(host, Some(relay));
            }
        }
    }

    fn step(&mut self, event: Event, cause: Option<&Cause>, host: Option<&mut Host>) {
        let now = clock::now();
        let (container, mut effects) = self.with_effects(host);
        container.step(event, cause, now, &mut effects);
    }

    fn with_effects<'a>(
        &'a mut self,
        host: Option<&'a mut Host>,
    ) -> (&'a mut Container, ContainerEffects<'a>) {
        let Self { container, env, relay, open_files, output, .. } = self;
        let relay = relay.as_ref().map(|relay| (relay.pid(), relay.socket_fd()));
        let (open_files, shows_log) = (*open_files, output.shows_log);
        (container, ContainerEffects { host, env, relay, shows_log, open_files })
    }

    fn relay_fd(&self) -> Option<BorrowedFd<'_>> {
        self.relay.as_ref().map(RelayProcess::socket_fd)
    }

    fn relay_pid(&self) -> Option<Pid> {
        self.relay.as_ref().map(RelayProcess::pid)
    }

    /// Reads and handles requests.
    pub(crate) fn read_requests(&mut self, host: &mut Host) {
        let mut buffer = [0; REQUESTS_MAX * MESSAGE];
        let count = match rustix::io::read(&self.requests, &mut buffer) {
            Ok(count) => count,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(e) => {
                diag::warn(NAME, &format!("unable to read requests: {}", sys::strerror(e)));
                let _ = host.unwatch(self.requests.as_fd());
                return;
            }
        };
        let mut malformed = 0_usize;
        let (requests, rest) = buffer.get(..count).unwrap_or_default().as_chunks::<MESSAGE>();
        for request in requests {
            match read_message(request) {
                Some((request, by)) => {
                    self.step(Event::Asked(request), Some(&Cause::Command(by)), Some(host));
                }
                None => malformed = malformed.saturating_add(1),
            }
        }
        if !rest.is_empty() {
            malformed = malformed.saturating_add(1);
        }
        // Once for what comes in one go, however much that is.
        if malformed > 0 && !self.has_malformed {
            diag::warn(NAME, "a malformed request was ignored");
        }
        self.has_malformed = count == buffer.len() && (self.has_malformed || malformed > 0);
    }

    fn read_notice(&mut self, host: &mut Host) {
        let Some(pipe) = &self.notice else { return };
        let mut byte = [0; 1];
        match rustix::io::read(pipe, &mut byte) {
            Ok(1) => self.step(Event::CommandStarts, None, Some(host)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(_) | Err(_) => {
                let _ = host.unwatch(pipe.as_fd());
                self.notice = None;
            }
        }
    }
}

impl Policy for Init {
    fn signal(&mut self, host: &mut Host, signal: Signal, sender: Sender) -> Handled {
        if !SIGNALS.contains(&signal) {
            return Handled::No;
        }
        self.signaled(signal, sender, host);
        Handled::Yes
    }

    fn command(&mut self, host: &mut Host, letter: u8) -> Handled {
        match ScanCommand::from_letter(letter) {
            Some(
                ScanCommand::Terminate | ScanCommand::Interrupt | ScanCommand::Quit | ScanCommand::Abort,
            ) => {
                diag::warn(NAME, "the root scandir was told to end: the container stops");
                self.step(Event::Asked(Request::stop(How::Halt)), None, Some(host));
                Handled::Yes
            }
            _ => Handled::No,
        }
    }

    fn child(&mut self, host: &mut Host, pid: Pid, how: Ended) {
        self.child_ended(pid, how, Some(host));
    }

    fn readable(&mut self, host: &mut Host, key: u32) {
        match key {
            REQUESTS => self.read_requests(host),
            SHUTDOWND => {
                if let Some(shutdownd) = &self.shutdownd {
                    shutdownd.handle();
                }
            }
            _ => self.read_notice(host),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        self.container.deadline()
    }

    fn save(&self) -> Vec<u8> {
        self.container.save(self.relay_pid())
    }

    /// The FIFO with requests, both ends of the relay's socket if there is a relay, and the boot child's pipe until it is closed.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let notice = self.notice.as_ref().map(AsFd::as_fd);
        let theirs = self.relay.as_ref().map(RelayProcess::theirs);
        [Some(self.requests.as_fd()), self.relay_fd(), theirs, notice].into_iter().flatten().collect()
    }

    fn timeout(&mut self, host: &mut Host) {
        self.expire(Some(host));
    }
}
