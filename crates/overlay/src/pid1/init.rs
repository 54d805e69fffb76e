//! The container's first process as the policy of the root scandir's host.
//!
//! [`crate::pid1::lifecycle`] decides what signals, requests and ended children mean.

use super::NAME;
use crate::boot::inherited::Inherited;
use crate::boot::saved;
use crate::boot::stage2::Stage2;
use crate::boot::{catch_all, edits};
use crate::environment::settings::Settings;
use crate::layout;
use crate::limits::LOOK_PAUSE;
use crate::pid1::attendant_process::Attendant;
use crate::pid1::cause::Cause;
use crate::pid1::children::Child;
use crate::pid1::container::Container;
use crate::pid1::effects::{ContainerEffects, Effects};
use crate::pid1::exit_code;
use crate::pid1::forked::Forked;
use crate::pid1::keeper::{self, Keeper};
use crate::pid1::keys::{KEEPER, NOTICE, REQUESTS, SHUTDOWND};
use crate::pid1::lifecycle::{Event, SAVED, SIGNALS};
use crate::pid1::manager::Manager;
use crate::pid1::relay_process::RelayProcess;
use crate::pid1::remaining::Remaining;
use crate::pid1::shutdownd::Shutdownd;
use crate::pid1::told::Turn;
use crate::relay::Handling;
use crate::termination_log;
use ipc::relay::{Relay, Shelf};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, Rlimit};
use s6_linux_init::request::{How, Message, Request, read_message};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;
use supervision::by_hand::MESSAGE;
use supervisor::host::{Handled, Host, Input, Policy, PolicyState};
use supervisor::memory;
use supervisor::service::over::Over;
use sys::process::{Ended, Fork, fork_noted};
use sys::signal::{Sender, Set, Signal};
use tool::clock::{self, Moment};
use tool::{Env, diag};
use wire::control::ScanCommand;

/// The command line of the boot child in ps: that of the reference.
const BOOT_TITLE: &[u8] = b"/run/s6/basedir/scripts/rc.init top";

/// The number of requests that are read at once.
const REQUESTS_MAX: usize = 4;

/// The number of commands to that service that are read at once.
const COMMANDS_MAX: usize = 64;

/// From an attempt to start the boot child to the next one.
const BOOT_RETRY_PAUSE: Duration = Duration::from_secs(1);

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

/// The boot child that isn't started yet.
#[derive(Debug)]
struct Unstarted {
    boot: Boot,
    /// Its end of the pipe [`Init::notice`].
    writer: Option<OwnedFd>,
    /// When it is tried again.
    at: Moment,
}

/// The policy of the host.
#[derive(Debug)]
pub(crate) struct Init {
    container: Container,
    env: Env,
    requests: OwnedFd,
    notice: Option<OwnedFd>,
    unstarted: Option<Unstarted>,
    /// The format of services' lines, if they are relayed.
    output: Output,
    relay: Option<RelayProcess>,
    /// The relay was told that no writer follows.  Not saved: it may be told again.
    is_sealed: bool,
    attendant: Attendant,
    manager: Manager,
    shutdownd: Option<Shutdownd>,
    remaining: Remaining,
    keeper: Option<Keeper>,
    /// The service whose failure for good stops the container.  Not saved: its last lines are missing then.
    failed: Option<Vec<u8>>,
    /// Who has planned a stop.  Not saved: it isn't told then.
    planned_by: Option<Cause>,
    /// Whether a malformed request was reported, and what came with it may not be read to its end.
    has_malformed: bool,
}

/// Which descriptors [`Init::descriptors`] has, as bits of the first byte of the saved state.
const HAS_RELAY: u8 = 1;
const HAS_NOTICE: u8 = 2;
const HAS_WRITER: u8 = 4;
const HAS_BOOT: u8 = 8;
const HAS_SHELF: u8 = 16;

/// The message about a relay that another one has replaced.
const RELAY_REPLACED: &str = "the relay of services' output is gone: another one goes on";

/// At most so many descriptors for the CMD are kept over a fault before the boot child has them.
const INHERITED_MAX: usize = 24;

/// Through which process the container's output goes, besides what the CMD writes itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// What is done with services' lines, if they are relayed.
    pub(crate) relayed: Option<Handling>,
    /// Whether the catch-all logger shows what it logs.
    pub(crate) shows_log: bool,
}

impl Init {
    /// A container that is about to boot.  `requests` is the FIFO, open for reading and writing.
    pub(crate) fn new(
        container: Container,
        env: Env,
        requests: OwnedFd,
        output: Output,
        (attendant, manager): (Attendant, Manager),
        boot: Option<Boot>,
    ) -> Self {
        let unstarted = boot.map(|boot| Unstarted { boot, writer: None, at: Moment::ZERO });
        Self {
            container,
            env,
            requests,
            notice: None,
            unstarted,
            output,
            relay: None,
            is_sealed: false,
            attendant,
            manager,
            shutdownd: None,
            remaining: Remaining::default(),
            keeper: None,
            failed: None,
            planned_by: None,
            has_malformed: false,
        }
    }

    /// Continues a container whose first process was re-executed; `None` if the saved state is invalid.  What `boot` makes
    /// of the descriptors is for a boot child that wasn't started.
    pub(crate) fn resume(
        saved: PolicyState,
        env: Env,
        host: &mut Host,
        (output, mut attendant, manager): (Output, Attendant, Manager),
        boot: impl FnOnce(OwnedFd, Vec<OwnedFd>) -> Boot,
    ) -> Option<Self> {
        let (has, bytes) = saved.bytes.split_first()?;
        let (pid, bytes) = bytes.split_first_chunk::<4>()?;
        attendant.resume(Pid::from_raw(i32::from_be_bytes(*pid)));
        let (container, relay) = Container::restore(bytes)?;
        let mut fds = saved.fds.into_iter();
        // A FIFO can be opened again, by its name.
        let requests = fds.next()?.or_else(|| saved::open_fifo().ok())?;
        let mut next = |bit: u8| if has & bit == 0 { None } else { fds.next().flatten() };
        let (ours, theirs) = (next(HAS_RELAY), next(HAS_RELAY));
        let shelf = next(HAS_SHELF).zip(next(HAS_SHELF)).map(|(put, take)| Shelf::from_ends(put, take));
        let relay = match (relay, ours, theirs) {
            (Some(pid), Some(ours), Some(theirs)) => Some(RelayProcess::restored(pid, ours, theirs, shelf)),
            _ => None,
        };
        let (notice, writer) = (next(HAS_NOTICE), next(HAS_WRITER));
        let boot = next(HAS_BOOT).map(|stdin| boot(stdin, fds.flatten().collect()));
        let mut init = Self::new(container, env, requests, output, (attendant, manager), boot);
        if let Some(unstarted) = &mut init.unstarted {
            unstarted.writer = writer;
        }
        host.set_relay(relay.as_ref().map(RelayProcess::socket));
        (init.relay, init.notice) = (relay, notice);
        init.shutdownd = Shutdownd::open().ok();
        init.watch(host);
        // While the last output is waited for, that is what is left to do.
        if init.container.life().is_draining() {
            init.await_keeper(host);
        }
        Some(init)
    }

    /// Makes what a container has from its start on, besides the boot child.
    pub(crate) fn begin(&mut self, host: &mut Host) {
        self.with_effects(host).1.tell(Turn::Begins);
        self.show_shutdownd();
        self.watch(host);
    }

    /// Waits for all inputs; the host reads once in a while what it can't wait for.
    fn watch(&mut self, host: &mut Host) {
        for key in self.inputs() {
            if let Some(input) = self.input(key) {
                let _ = host.watch(input.fd, key);
            }
        }
    }

    /// Starts the relay if one is wanted; without a relay, services write to the container's output themselves.
    fn start_relay(&mut self, host: &mut Host, former: Option<RelayProcess>) {
        let Some(handling) = self.output.relayed else { return };
        let relay = match former {
            Some(former) => former.replace(handling, host),
            None => RelayProcess::start(handling, host),
        };
        match relay {
            Ok(relay) => {
                host.set_relay(Some(relay.socket()));
                self.relay = Some(relay);
            }
            Err(e) => {
                let text = "unable to start the relay of services' output, which comes as it is";
                diag::warn(NAME, format_args!("{text}: {}", sys::strerror(e)));
            }
        }
    }

    /// Lets the relay end after the last process that writes to it, since no service will be started any more.
    fn seal_relay(&mut self, host: &mut Host) {
        self.is_sealed = true;
        host.set_relay(None);
        if let Some(relay) = &self.relay {
            relay.seal();
        }
    }

    /// Starts the boot child, or sets the time of the next attempt.
    fn start_boot(&mut self, host: &mut Host) {
        let now = clock::now();
        if self.unstarted.as_ref().is_none_or(|unstarted| unstarted.at > now) {
            return;
        }
        if self.relay.is_none() {
            self.start_relay(host, None);
        }
        let started = self.prepare_boot(host).and_then(|()| {
            // From here on the journal has the pipe, so that a fault after the fork loses nothing.
            host.save(self);
            host.start_child(Child::Boot.kind(), fork_noted)
        });
        match started {
            Ok(Fork::Parent(pid)) => {
                self.container.set_boot(pid);
                // What the boot child has is closed when the journal doesn't name it any more.
                let started = self.unstarted.take();
                host.save(self);
                drop(started);
                // Twenty files to look at, while the boot child is at work.
                if self.container.warns() {
                    edits::report();
                }
            }
            Ok(Fork::Child) => self.become_boot_child(host.launch().open_files),
            Err(e) => {
                let text = "unable to start what starts the services, trying again each second";
                if self.unstarted.as_ref().is_some_and(|unstarted| unstarted.at == Moment::ZERO) {
                    diag::warn(NAME, format_args!("{text}: {}", sys::strerror(e)));
                }
                if let Some(unstarted) = &mut self.unstarted {
                    unstarted.at = now.saturating_add(BOOT_RETRY_PAUSE);
                }
            }
        }
    }

    /// Makes the pipe of the boot child, unless there is one.
    fn prepare_boot(&mut self, host: &mut Host) -> Result<(), Errno> {
        let Some(unstarted) = &mut self.unstarted else { return Ok(()) };
        if self.notice.is_none() || unstarted.writer.is_none() {
            let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
            rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK)?;
            let _ = host.watch(reader.as_fd(), NOTICE);
            unstarted.writer = Some(writer);
            self.notice = Some(reader);
        }
        Ok(())
    }

    /// Makes the directory of the service whose work this process does.
    fn show_shutdownd(&mut self) {
        match Shutdownd::make() {
            Ok(shutdownd) => self.shutdownd = Some(shutdownd),
            Err(e) => {
                diag::warn(NAME, format_args!("unable to make {}: {}", layout::SHUTDOWND, sys::strerror(e)))
            }
        }
    }

    /// Continues in the boot child, which has this limit on open files.
    fn become_boot_child(&mut self, open_files: Rlimit) -> ! {
        let Some(Unstarted { boot, writer: Some(notice), .. }) = self.unstarted.take() else {
            // Never without them: the child must not go on as process 1.
            sys::process::exit(111)
        };
        let _ = rustix::process::setsid();
        let _ = sys::fd::copy(boot.stdin.as_raw_fd(), 0);
        if let Some(number) = boot.terminal {
            let _ = sys::fd::with(number, |fd| rustix::process::ioctl_tiocsctty(fd));
        }
        if catch_all::exists() {
            catch_all::join_log();
        }
        let inherited = boot.inherited.numbers();
        let keep: Vec<_> = std::iter::once(notice.as_fd()).chain(self.relay_fd()).collect();
        let mask = Set::empty();
        let forked = Forked {
            title: BOOT_TITLE,
            open_files: Some(open_files),
            keep: &keep,
            inherited: &inherited,
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
        let env = self.env.clone();
        let outcome = stage2.carry_out().map_err(|fatal| termination_log::noted(&Settings::new(&env), fatal));
        tool::conclude(NAME, outcome, path.as_deref())
    }

    /// How the container ends, as soon as that is known.
    pub(crate) fn end(&self) -> Option<How> {
        self.container.end()
    }

    /// Handles the end of a child that belongs to no service.
    fn child_ended(&mut self, pid: Pid, ended: Ended, cause: memory::Cause, host: &mut Host) {
        let now = clock::now();
        let (container, mut effects) = self.with_effects(host);
        if container.child_ended(pid, ended, cause, now, &mut effects) {
            return;
        }
        if let Some(relay) = self.relay.take_if(|relay| relay.pid() == pid) {
            self.relay_ended(relay, ended, host);
        } else if let Some(text) = self.attendant.ended(pid, ended, now)
            && self.container.warns()
            && self.container.life().is_alive()
        {
            diag::warn(NAME, text);
        }
    }

    /// Handles the end of the relay, which ends by itself when it is sealed or told to finish.
    fn relay_ended(&mut self, relay: RelayProcess, ended: Ended, host: &mut Host) {
        let can_be_replaced = relay.has_lived(clock::now()) && relay.shelf().is_some();
        if self.container.life().is_draining() {
            self.keeper = None;
            if matches!(ended, Ended::Killed(_)) && can_be_replaced {
                // What is in its pipes isn't lost.
                diag::warn(NAME, RELAY_REPLACED);
                self.start_relay(host, Some(relay));
                host.set_relay(None);
            }
            let next = if self.relay.is_some() { Event::KeeperReplaced } else { Event::Drained };
            self.step(next, None, host);
        } else if !self.is_sealed || matches!(ended, Ended::Killed(_)) {
            host.set_relay(None);
            if relay.has_lived(clock::now()) {
                diag::warn(NAME, RELAY_REPLACED);
                self.start_relay(host, Some(relay));
            } else {
                diag::warn(NAME, "the relay of services' output is gone, and output with it");
            }
            if self.is_sealed {
                self.seal_relay(host);
            }
        }
    }

    fn step(&mut self, event: Event, cause: Option<&Cause>, host: &mut Host) {
        let now = clock::now();
        let (container, mut effects) = self.with_effects(host);
        container.step(event, cause, now, &mut effects);
    }

    /// Waits for the end of the keeper.
    fn await_keeper(&mut self, host: &mut Host) {
        if !self.with_effects(host).1.await_keeper() {
            self.step(Event::Drained, None, host);
        }
    }

    fn with_effects<'a>(&'a mut self, host: &'a mut Host) -> (&'a mut Container, ContainerEffects<'a>) {
        let Self { container, env, relay, output, keeper, failed, manager, .. } = self;
        let (shows_log, relay) = (output.shows_log, relay.as_ref());
        (container, ContainerEffects { host, env, relay, keeper, shows_log, failed, manager })
    }

    fn relay_fd(&self) -> Option<BorrowedFd<'_>> {
        self.relay.as_ref().map(RelayProcess::socket_fd)
    }

    fn relay_shelf(&self) -> Option<[BorrowedFd<'_>; 2]> {
        self.relay.as_ref().and_then(RelayProcess::shelf)
    }

    fn relay_pid(&self) -> Option<Pid> {
        self.relay.as_ref().map(RelayProcess::pid)
    }

    /// Handles the requests that were read in one go.
    fn read_requests(&mut self, bytes: &[u8], host: &mut Host) {
        let (requests, rest) = bytes.as_chunks::<MESSAGE>();
        let mut is_malformed = !rest.is_empty();
        for request in requests {
            match read_message(request) {
                Some(Message::Request(request, text, by)) => {
                    if request != request.at_once() && self.container.tells() {
                        diag::info(NAME, format_args!("told to stop the container later, by {text}"));
                    }
                    let cause = Cause::Command(text, by);
                    self.step(Event::Asked(request), Some(&cause), host);
                    self.planned_by = Some(cause);
                }
                Some(Message::Note(text)) if self.container.tells() => {
                    diag::info(NAME, format_args!("told to {text}"));
                }
                Some(Message::Note(_)) => {}
                None => is_malformed = true,
            }
        }
        // Once for what comes in one go, however much that is.
        if is_malformed && !self.has_malformed {
            diag::warn(NAME, "a malformed request was ignored");
        }
        self.has_malformed = bytes.len() == REQUESTS_MAX * MESSAGE && (self.has_malformed || is_malformed);
    }
}

impl Policy for Init {
    fn signal(&mut self, host: &mut Host, signal: Signal, sender: Sender) -> Handled {
        if !SIGNALS.contains(&signal) {
            return Handled::No;
        }
        self.step(Event::Signal(signal), Some(&Cause::Signal(signal, sender)), host);
        Handled::Yes
    }

    fn command(&mut self, host: &mut Host, letter: u8) -> Handled {
        match ScanCommand::from_letter(letter) {
            Some(
                ScanCommand::Terminate | ScanCommand::Interrupt | ScanCommand::Quit | ScanCommand::Abort,
            ) => {
                diag::warn(NAME, "the root scandir was told to end: the container stops");
                self.step(Event::Asked(Request::stop(How::Halt)), None, host);
                Handled::Yes
            }
            _ => Handled::No,
        }
    }

    fn child(&mut self, host: &mut Host, pid: Pid, how: Ended, cause: memory::Cause) {
        self.child_ended(pid, how, cause, host);
    }

    fn over(&mut self, host: &mut Host, over: &Over) -> Handled {
        if !self.container.life().is_alive() {
            // Stops switch the policies off.
            return Handled::Yes;
        }
        let Some(code) = over.code() else { return Handled::No };
        let failure = over.has_failed.then(|| over.text.clone());
        self.failed = over.has_failed.then(|| over.name.clone());
        let cause = Cause::Service { name: diag::shown(&over.name), failure };
        self.step(Event::ServiceOver(code), Some(&cause), host);
        Handled::Yes
    }

    fn input(&self, key: u32) -> Option<Input<'_>> {
        let (fd, size) = match key {
            REQUESTS => (self.requests.as_fd(), REQUESTS_MAX * MESSAGE),
            NOTICE => (self.notice.as_ref()?.as_fd(), 1),
            SHUTDOWND => (self.shutdownd.as_ref()?.as_fd(), COMMANDS_MAX),
            _ => return None,
        };
        Some(Input { fd, size })
    }

    fn inputs(&self) -> Vec<u32> {
        vec![REQUESTS, NOTICE, SHUTDOWND]
    }

    fn item(&mut self, host: &mut Host, key: u32, item: &[u8]) {
        match key {
            REQUESTS => self.read_requests(item, host),
            NOTICE => self.step(Event::CommandStarts, None, host),
            _ => {
                if let Some(shutdownd) = &self.shutdownd {
                    shutdownd.handle(item);
                }
            }
        }
    }

    fn ended(&mut self, host: &mut Host, key: u32) {
        if key == NOTICE {
            host.close(self.notice.take());
        }
    }

    fn readable(&mut self, host: &mut Host, key: u32) {
        match key {
            KEEPER => match self.keeper.take() {
                // How the relay has ended is known when it is reaped.
                Some(keeper) if self.relay_pid() == Some(keeper.pid) => {}
                Some(_) => self.step(Event::Drained, None, host),
                None => {}
            },
            _ => self.remaining.ended(key),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let boot = self.unstarted.as_ref().map(|unstarted| unstarted.at);
        let blind = self.keeper.as_ref().filter(|keeper| keeper.is_blind());
        let look = blind.map(|_| clock::now().saturating_add(LOOK_PAUSE));
        let attendant = self.attendant.due().filter(|_| self.container.life().is_alive());
        let all = [self.container.deadline(), boot, self.remaining.deadline(), look, attendant];
        all.into_iter().flatten().min()
    }

    fn timeout(&mut self, host: &mut Host) {
        if self.container.deadline().is_some_and(|at| at <= clock::now()) {
            let planned_by = self.planned_by.take();
            self.step(Event::Time, planned_by.as_ref(), host);
            self.planned_by = planned_by;
        }
    }

    /// A byte that tells which descriptors there are, the process id of the attendant or 0, and the container.
    fn save(&self) -> Vec<u8> {
        let is = |has: bool, bit: u8| if has { bit } else { 0 };
        let writer = self.unstarted.as_ref().and_then(|unstarted| unstarted.writer.as_ref());
        let mut bytes = Vec::with_capacity(SAVED);
        bytes.push(
            is(self.relay.is_some(), HAS_RELAY)
                | is(self.relay_shelf().is_some(), HAS_SHELF)
                | is(self.notice.is_some(), HAS_NOTICE)
                | is(writer.is_some(), HAS_WRITER)
                | is(self.unstarted.is_some(), HAS_BOOT),
        );
        bytes.extend(Pid::as_raw(self.attendant.pid()).to_be_bytes());
        bytes.extend(self.container.save(self.relay_pid()));
        bytes
    }

    /// The FIFO with requests; both ends of the relay's socket and of its shelf if there is a relay; the boot child's pipe until it is closed;
    /// and, until the boot child is started, its end of that and what it gets.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let theirs = self.relay.as_ref().map(RelayProcess::theirs);
        let notice = self.notice.as_ref().map(AsFd::as_fd);
        let shelf = self.relay_shelf().into_iter().flatten();
        let relay = [Some(self.requests.as_fd()), self.relay_fd(), theirs].into_iter().flatten();
        let mut fds: Vec<_> = relay.chain(shelf).chain(notice).collect();
        if let Some(Unstarted { boot, writer, .. }) = &self.unstarted {
            fds.extend(writer.as_ref().map(AsFd::as_fd));
            fds.push(boot.stdin.as_fd());
            fds.extend(boot.inherited.descriptors().take(INHERITED_MAX));
        }
        fds
    }

    fn children(&self) -> Vec<Pid> {
        self.container.children().chain(self.relay_pid()).chain(self.attendant.pid()).collect()
    }

    fn outlives_services(&self) -> bool {
        true
    }

    fn gave_up(&mut self, host: &mut Host) -> bool {
        if exit_code::is_untouched() {
            let _ = exit_code::write(111);
        }
        termination_log::write(&Settings::new(&self.env), "process 1 has faulted again and again");
        let is_first = !self.container.life().is_ending();
        self.step(Event::HostLost, None, host);
        is_first
    }

    fn settled(&mut self, host: &mut Host) {
        if self.container.life().is_alive() && self.attendant.start(host, self.container.warns()) {
            host.save(self);
        }
        if self.unstarted.is_some() {
            if self.container.life().is_booting() {
                self.start_boot(host);
            } else {
                // The stop came first.
                self.unstarted = None;
                self.step(Event::BootEnded(Ended::Exited(0)), None, host);
            }
        }
        if self.container.life().is_ending() && host.is_empty() && !self.is_sealed {
            self.seal_relay(host);
        }
        if self.container.life().awaits_processes() {
            let Self { remaining, container, relay, output, .. } = self;
            let keeper = || keeper::find(relay.as_ref(), output.shows_log);
            if remaining.is_none(host, container.deadline(), keeper) {
                self.step(Event::Empty, None, host);
            }
        }
        if self.keeper.as_ref().is_some_and(|keeper| keeper.is_gone() && self.relay_pid() != Some(keeper.pid))
        {
            self.keeper = None;
            self.step(Event::Drained, None, host);
        }
        if self.end().is_some() {
            host.abort();
        }
    }
}
