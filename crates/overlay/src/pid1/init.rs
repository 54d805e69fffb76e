//! The container's first process: the host of the root scandir with the lifecycle as its policy.
//!
//! Decisions are [`crate::pid1::lifecycle`]'s; this carries them out.

use crate::boot::catch_all;
use crate::boot::stage2;
use crate::pid1::exit_code;
use crate::pid1::lifecycle::{Action, Config, Event, Lifecycle, Moment, SIGNALS};
use crate::pid1::processes::{describe_below, describe_left, signal_all};
use crate::relay::{self, Format};
use crate::stop::stage3;
use ipc::relay::Relay;
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit};
use s6_linux_init::request::{How, LENGTH, Request};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;
use supervisor::host::{Handled, Host, Policy, PolicyState};
use sys::process::{Ended, Fork, fork};
use sys::signal::{CONT, KILL, Set, Signal, TERM, reset_all, set_mask};
use tool::clock;
use tool::{Env, Tool, diag};
use wire::control::ScanCommand;

/// The name in diagnostics.
const NAME: &str = "init";

/// What the children look like in ps, as in the reference.
const BOOT_TITLE: &[u8] = b"/run/s6/basedir/scripts/rc.init top";
const STOP_TITLE: &[u8] = b"/run/s6/basedir/scripts/rc.shutdown";

/// Key of the FIFO with requests.
const REQUESTS: u32 = 0;
/// Key of the pipe on which the boot child says that it becomes the CMD.
const NOTICE: u32 = 1;

/// The number of the first descriptor that a child keeps: that pipe for the boot child, the socket for the relay.
const FIRST_FD: i32 = 3;

/// A relay that doesn't live that long isn't started again.
const RELAY_LIVES: Duration = Duration::from_secs(1);

/// How long the relay may take for what it has, when nothing else is left to do.
const RELAY_ENDS: Duration = Duration::from_secs(2);

/// What the boot child takes with it.
#[derive(Debug)]
pub struct Boot {
    /// The container's standard input.
    pub stdin: OwnedFd,
    /// The CMD.
    pub command: Vec<Vec<u8>>,
    /// Standard input, output or error is a terminal, which becomes the boot session's.
    pub terminal: Option<i32>,
    /// The CMD's output is relayed too, if there is a relay, beside that of the hook and of oneshots.
    pub relayed: bool,
}

/// The process that passes services' output on.
#[derive(Debug)]
struct RelayProcess {
    pid: Pid,
    /// Until no service is started any more.
    socket: Option<Rc<Relay>>,
    born: Moment,
}

/// The ends by their number in saved bytes.
const ENDS: [How; 3] = [How::Halt, How::PowerOff, How::Reboot];

/// The policy.
#[derive(Debug)]
pub struct First {
    life: Lifecycle,
    env: Env,
    requests: OwnedFd,
    notice: Option<OwnedFd>,
    /// The limit on open files from before the host raised its own.
    open_files: Option<Rlimit>,
    boot: Option<Pid>,
    stop: Option<Pid>,
    end: Option<How>,
    /// Warnings are wanted.
    talks: bool,
    /// What services' lines are to look like, where they are relayed.
    format: Option<Format>,
    relay: Option<RelayProcess>,
}

/// How long process 1 and the stop wait for who reads their messages, in seconds.
pub const PATIENCE: u32 = 1;

/// In a forked child: nothing of the parent but the standard descriptors and `keep`, which get the numbers after them.
fn enter(
    title: &[u8],
    tool: &'static Tool,
    argv: Vec<Vec<u8>>,
    env: Env,
    open_files: Option<Rlimit>,
    keep: &[BorrowedFd<'_>],
    mask: &Set,
) -> ! {
    if let Some(limit) = open_files {
        let _ = rustix::process::setrlimit(Resource::Nofile, limit);
    }
    let moves: Vec<(i32, i32)> = keep.iter().map(AsRawFd::as_raw_fd).zip(FIRST_FD..).collect();
    let _ = sys::fd::copy_all(&moves);
    let end = moves.last().map_or(FIRST_FD, |(_, number)| number.saturating_add(1));
    for number in FIRST_FD..end {
        let _ = sys::fd::with(number, |fd| rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC));
    }
    sys::fd::close_from(end.unsigned_abs());
    reset_all();
    set_mask(mask);
    diag::set_patience(None);
    let _ = rustix::process::chdir("/");
    sys::args::set_title(title);
    tool::run(tool, argv, env)
}

impl First {
    /// A container that is about to boot; `requests` is the FIFO, open for reading and writing; `talks` says whether
    /// warnings are wanted, `format` whether and how services' output is relayed.
    #[must_use]
    pub fn new(config: Config, env: Env, requests: OwnedFd, talks: bool, format: Option<Format>) -> Self {
        let life = Lifecycle::new(config);
        Self {
            life,
            env,
            requests,
            notice: None,
            open_files: None,
            boot: None,
            stop: None,
            end: None,
            talks,
            format,
            relay: None,
        }
    }

    /// Goes on with a container whose first process was executed anew; `None` if what it left makes no sense.
    #[must_use]
    pub fn resume(left: PolicyState, env: Env, host: &mut Host, format: Option<Format>) -> Option<Self> {
        let (head, life) = left.bytes.split_first_chunk::<14>()?;
        let (pids, flags) = head.split_first_chunk::<12>()?;
        let (boot, pids) = pids.split_first_chunk::<4>()?;
        let (stop, relay) = pids.split_first_chunk::<4>()?;
        let pid = |bytes: &[u8]| Pid::from_raw(i32::from_be_bytes(bytes.try_into().ok()?));
        let &[end, talks] = flags else { return None };
        let mut fds = left.fds.into_iter();
        let requests = fds.next()?;
        let relay = match pid(relay) {
            Some(pid) => {
                let socket = Some(Rc::new(fds.next()?.into()));
                Some(RelayProcess { pid, socket, born: clock::now() })
            }
            None => None,
        };
        host.set_relay(relay.as_ref().and_then(|relay| relay.socket.clone()));
        let notice = fds.next();
        host.watch(requests.as_fd(), REQUESTS).ok()?;
        if let Some(notice) = &notice {
            host.watch(notice.as_fd(), NOTICE).ok()?;
        }
        Some(Self {
            life: Lifecycle::restore(life)?,
            env,
            requests,
            notice,
            open_files: Some(host.launch().open_files),
            boot: pid(boot),
            stop: pid(stop),
            end: (end != u8::MAX).then(|| ENDS.get(usize::from(end)).copied()).flatten(),
            talks: talks != 0,
            format,
            relay,
        })
    }

    /// Starts the relay, if one is wanted; without one, services write to the container's output themselves.
    fn start_relay(&mut self, host: &mut Host) {
        let Some(format) = self.format else { return };
        match self.fork_relay(format) {
            Ok(relay) => {
                host.set_relay(relay.socket.clone());
                self.relay = Some(relay);
            }
            Err(e) => {
                let text = "unable to start the relay of services' output, which comes as it is";
                diag::warn(NAME, &format!("{text}: {}", sys::strerror(e)));
            }
        }
    }

    fn fork_relay(&self, format: Format) -> Result<RelayProcess, Errno> {
        let (ours, theirs) = Relay::new()?;
        match fork()? {
            Fork::Parent(pid) => Ok(RelayProcess { pid, socket: Some(Rc::new(ours)), born: clock::now() }),
            Fork::Child => {
                let _ = rustix::process::setsid();
                let argv =
                    vec![relay::TITLE.to_vec(), FIRST_FD.to_string().into_bytes(), format.word().to_vec()];
                // It ends after the last one who writes, so no signal is to end it.
                enter(relay::TITLE, &relay::TOOL, argv, Env::new(), None, &[theirs.as_fd()], &Set::full())
            }
        }
    }

    /// Lets the relay end when the last one who writes to it has ended: no service will be started any more.
    pub fn release_relay(&mut self, host: &mut Host) {
        host.set_relay(None);
        if let Some(relay) = self.relay.as_mut().filter(|_| self.end.is_none()) {
            relay.socket = None;
        }
    }

    /// At the very end, whoever still runs: what has been written is passed on, unless nobody reads it.
    pub fn end_relay(&mut self) {
        let Some(relay) = self.relay.take() else { return };
        if let Some(socket) = &relay.socket {
            let _ = socket.finish();
        }
        let _ = crate::child::wait_at_most(relay.pid, Some(RELAY_ENDS), KILL);
    }

    /// Starts the boot child.
    ///
    /// # Errors
    /// No child can be made.
    pub fn begin(&mut self, host: &mut Host, boot: Boot) -> Result<(), Errno> {
        self.open_files = Some(host.launch().open_files);
        host.watch(self.requests.as_fd(), REQUESTS)?;
        self.start_relay(host);
        let relay = self.relay_socket();
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        match fork()? {
            Fork::Parent(pid) => self.boot = Some(pid),
            Fork::Child => {
                let _ = rustix::process::setsid();
                let _ = sys::fd::copy(boot.stdin.as_raw_fd(), 0);
                if let Some(number) = boot.terminal {
                    let _ = sys::fd::with(number, |fd| rustix::process::ioctl_tiocsctty(fd));
                }
                if catch_all::exists() {
                    catch_all::join_log();
                }
                let socket = if relay.is_some() { FIRST_FD.saturating_add(1) } else { -1 };
                let mut argv = vec![NAME.as_bytes().to_vec()];
                let numbers = [FIRST_FD, socket, i32::from(boot.relayed)];
                argv.extend(numbers.map(|number| number.to_string().into_bytes()));
                argv.extend(boot.command);
                let keep: Vec<_> = std::iter::once(writer.as_fd()).chain(relay).collect();
                let env = self.env.clone();
                enter(BOOT_TITLE, &stage2::TOOL, argv, env, self.open_files, &keep, &Set::empty())
            }
        }
        host.watch(reader.as_fd(), NOTICE)?;
        self.notice = Some(reader);
        Ok(())
    }

    /// How the container is to end, once that is known.
    #[must_use]
    pub fn end(&self) -> Option<How> {
        self.end
    }

    /// When [`First::expire`] is due.
    #[must_use]
    pub fn due(&self) -> Option<Moment> {
        self.life.deadline()
    }

    /// The deadline has passed.
    pub fn expire(&mut self, host: Option<&mut Host>) {
        self.step(Event::Time, host);
    }

    /// The host has left its loop; does nothing if that is as it should be.
    pub fn host_lost(&mut self) {
        self.step(Event::HostLost, None);
    }

    /// No process is left.
    pub fn emptied(&mut self) {
        self.step(Event::Empty, None);
    }

    /// A child that is no service's has ended.
    pub fn child_ended(&mut self, pid: Pid, how: Ended, host: Option<&mut Host>) {
        if self.boot == Some(pid) {
            self.boot = None;
            take_terminal_back();
            self.step(Event::BootEnded(how), host);
        } else if self.stop == Some(pid) {
            self.stop = None;
            self.step(Event::StopEnded, host);
        } else if let Some(relay) = self.relay.take_if(|relay| relay.pid == pid)
            && let Some(host) = host
        {
            diag::warn(NAME, "the relay of services' output is gone, and output with it");
            host.set_relay(None);
            if clock::now().saturating_sub(relay.born) >= RELAY_LIVES {
                self.start_relay(host);
            }
        }
    }

    fn step(&mut self, event: Event, mut host: Option<&mut Host>) {
        for action in self.life.step(event, clock::now()) {
            self.act(action, host.as_deref_mut());
        }
    }

    fn act(&mut self, action: Action, host: Option<&mut Host>) {
        let to_boot = |signal: Signal| {
            if let Some(pid) = self.boot {
                let _ = sys::process::kill(pid, signal);
            }
        };
        match action {
            Action::InterruptBoot => to_boot(TERM),
            Action::KillBoot => {
                let left = self.boot.map(describe_below).filter(|left| !left.is_empty());
                let left = left.map(|left| format!(": {left}")).unwrap_or_default();
                let text = format!(
                    "what the start was doing hasn't ended S6_SERVICES_GRACETIME after the stop was asked{left}; \
                     the stop goes on without it"
                );
                if self.talks {
                    diag::warn(NAME, &text);
                }
                to_boot(KILL);
            }
            Action::PassOn(signal) => to_boot(signal),
            Action::StartStop => self.start_stop(host),
            Action::KeepCode(code) => keep_code(code),
            Action::KeepCodeIfNone(code) => {
                if exit_code::is_untouched() {
                    keep_code(code);
                }
            }
            Action::Terminate => {
                if let Some(host) = host {
                    host.stop(false);
                }
                signal_all(TERM, None);
                signal_all(CONT, None);
            }
            Action::NameLeft => {
                let left = if self.talks { describe_left(None) } else { String::new() };
                if !left.is_empty() {
                    diag::warn(NAME, &format!("still running after TERM: {left}"));
                }
            }
            Action::Kill => {
                if self.talks {
                    let left = describe_left(self.relay_pid());
                    if !left.is_empty() {
                        diag::warn(
                            NAME,
                            &format!("killed, because TERM didn't end them within S6_KILL_GRACETIME: {left}"),
                        );
                    }
                }
                signal_all(KILL, self.relay_pid());
            }
            Action::End(how) => {
                self.end = Some(how);
                if let Some(host) = host {
                    host.abort();
                }
            }
        }
    }

    fn relay_socket(&self) -> Option<BorrowedFd<'_>> {
        self.relay.as_ref()?.socket.as_ref().map(|socket| socket.as_fd())
    }

    fn relay_pid(&self) -> Option<Pid> {
        self.relay.as_ref().map(|relay| relay.pid)
    }

    fn start_stop(&mut self, host: Option<&mut Host>) {
        match fork() {
            Ok(Fork::Parent(pid)) => self.stop = Some(pid),
            Ok(Fork::Child) => {
                let _ = rustix::process::setsid();
                let relay = self.relay_socket();
                let socket = if relay.is_some() { FIRST_FD } else { -1 };
                let argv = vec![NAME.as_bytes().to_vec(), socket.to_string().into_bytes()];
                let (env, keep) = (self.env.clone(), relay.as_slice());
                enter(STOP_TITLE, &stage3::TOOL, argv, env, self.open_files, keep, &Set::empty())
            }
            Err(e) => {
                diag::warn(NAME, &format!("unable to stop the services in order: {}", sys::strerror(e)));
                self.step(Event::StopEnded, host);
            }
        }
    }

    fn read_requests(&mut self, host: &mut Host) {
        let mut buffer = [0; 16 * LENGTH];
        let count = match rustix::io::read(&self.requests, &mut buffer) {
            Ok(count) => count,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(e) => {
                diag::warn(NAME, &format!("unable to read requests: {}", sys::strerror(e)));
                let _ = host.unwatch(self.requests.as_fd());
                return;
            }
        };
        let (requests, rest) = buffer.get(..count).unwrap_or_default().as_chunks::<LENGTH>();
        for request in requests {
            match Request::unpack(request) {
                Some(request) => self.step(Event::Asked(request), Some(host)),
                None => diag::warn(NAME, "a malformed request was ignored"),
            }
        }
        if !rest.is_empty() {
            diag::warn(NAME, "a malformed request was ignored");
        }
    }

    fn read_notice(&mut self, host: &mut Host) {
        let Some(pipe) = &self.notice else { return };
        let mut byte = [0; 1];
        match rustix::io::read(pipe, &mut byte) {
            Ok(1) => self.step(Event::CommandStarts, Some(host)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(_) | Err(_) => {
                let _ = host.unwatch(pipe.as_fd());
                self.notice = None;
            }
        }
    }
}

/// The boot session is over: its terminal, if there is one, is nobody's now, and a ^C on it would reach nobody.
fn take_terminal_back() {
    for number in 1..3 {
        let _ = sys::fd::with(number, |fd| rustix::process::ioctl_tiocsctty(fd));
    }
}

fn keep_code(code: u8) {
    if let Err(e) = exit_code::write(code) {
        diag::warn(NAME, &format!("unable to write the exit code {code}: {}", sys::strerror(e)));
    }
}

impl Policy for First {
    fn signal(&mut self, host: &mut Host, signal: Signal) -> Handled {
        if !SIGNALS.contains(&signal) {
            return Handled::No;
        }
        self.step(Event::Signal(signal), Some(host));
        Handled::Yes
    }

    fn command(&mut self, host: &mut Host, letter: u8) -> Handled {
        match ScanCommand::from_letter(letter) {
            Some(
                ScanCommand::Terminate | ScanCommand::Interrupt | ScanCommand::Quit | ScanCommand::Abort,
            ) => {
                diag::warn(NAME, "the root scandir was told to end: the container stops");
                self.step(Event::Asked(Request::stop(How::Halt)), Some(host));
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
            _ => self.read_notice(host),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        self.life.deadline()
    }

    /// Process ids of the boot child, the stop child and the relay, 4 bytes each; the end's number; whether warnings are wanted; the
    /// lifecycle.
    fn save(&self) -> Vec<u8> {
        let pid = |pid: Option<Pid>| Pid::as_raw(pid).to_be_bytes();
        let end = self.end.and_then(|end| ENDS.iter().position(|how| *how == end));
        let end = end.and_then(|n| u8::try_from(n).ok()).unwrap_or(u8::MAX);
        let mut bytes = [pid(self.boot), pid(self.stop), pid(self.relay_pid())].concat();
        bytes.extend([end, u8::from(self.talks)]);
        bytes.extend(self.life.save());
        bytes
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let relay = self.relay_socket();
        let notice = self.notice.as_ref().map(AsFd::as_fd);
        [Some(self.requests.as_fd()), relay, notice].into_iter().flatten().collect()
    }

    fn timeout(&mut self, host: &mut Host) {
        self.expire(Some(host));
    }
}
