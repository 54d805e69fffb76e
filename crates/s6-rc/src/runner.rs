//! Performs what an engine decides, on the live state and on processes.
//!
//! Longruns are commanded through their supervisors and listened to; oneshots' scripts run as children, or by the host
//! of the scan directory.  One poller waits for all of them and for the caller's interruption.

use crate::change_options::{ChangeOptions, Oneshots, Starter};
use crate::common_options::LIVE;
use crate::database::{Id, Service};
use crate::dry_run;
use crate::effects::{Begun, Effects, Event, StaleDownFile};
use crate::failure::Failure;
use crate::folder::READABLE;
use crate::live::Live;
use crate::longrun::{self, Commanded};
use crate::oneshot::{Answer, Request, connect_to_host, read_answer};
use crate::report::Line;
use crate::running::Running;
use crate::standing::{Progress, Trouble};
use crate::work::Work;
use files::create;
use ipc::relay::STREAMS;
use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Access, CWD};
use rustix::io::Errno;
use rustix::process::RawPid;
use std::time::Duration;
use supervision::attended;
use supervision::board::{RECORD, Recorder};
use supervision::control;
use supervision::watch::Watch;
use sys::signal::{self, Set, SignalFd};
use tool::clock::{self, Moment};
use tool::path::join;
use tool::sorted::Map;
use tool::{Fatal, OrUnable};
use wire::record::{self, Kind, Ring};

/// What can be read, as the poller reports it; connections to the host come with [`HOSTS`] plus the service's number.
const SUPERVISORS: u64 = 0;
const CHILDREN: u64 = 1;
const INTERRUPT: u64 = 2;
const HOSTS: u64 = 3;

/// Descriptors that are kept free for short uses.
const SPARE: usize = 32;

/// At most so often in a row a wait for events may fail.
const FAILED_WAITS_LIMIT: u32 = 100;

/// The fewest transitions that are tried at once, however few descriptors there are.
const LEAST_ROOM: usize = 8;

/// The effects of an engine on the system.
pub(crate) struct Runner<'a> {
    live: &'a mut Live,
    options: &'a ChangeOptions<'a>,
    work: Work,
    watch: Watch,
    /// Reports that children have ended; the signal mask to restore.
    children: Option<(SignalFd, Set)>,
    poller: OwnedFd,
    running: Map<Id, Running>,
    /// The service whose script each child runs.
    scripts: Map<RawPid, Id>,
    /// The service whose listener has each index in the watch.
    listeners: Map<usize, Id>,
    scandir: Option<Vec<u8>>,
    /// How often in a row it could not be waited for events.
    failed_waits: u32,
    /// The container's record of events, if these are the services of a container.
    record: Recorder,
}

/// Of an event: what couldn't be run.
const NOT_RUN: u16 = u16::MAX;

impl<'a> Runner<'a> {
    /// The effects of doing this work.
    ///
    /// # Errors
    /// No poller can be made: code 111.
    pub(crate) fn new(live: &'a mut Live, options: &'a ChangeOptions<'a>, work: Work) -> Result<Self, Fatal> {
        let unable = || "set up a poller";
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC).or_unable(unable)?;
        let watch = Watch::new().or_unable(unable)?;
        add(&poller, watch.as_fd(), SUPERVISORS).or_unable(unable)?;
        if let Some(fd) = options.interrupt {
            add(&poller, fd, INTERRUPT).or_unable(unable)?;
        }
        let is_containers = live.path() == LIVE && options.dry_run.is_none();
        let mut record = match is_containers {
            true => Recorder::open(RECORD.as_bytes(), Ring::Changes),
            false => Recorder::none(),
        };
        let pid = u32::try_from(rustix::process::getpid().as_raw_nonzero().get()).unwrap_or_default();
        let how = work.script() as u8;
        record.note(record::Event { kind: Kind::ChangeBegan, how, pid, ..record::Event::default() });
        Ok(Self {
            live,
            options,
            work,
            watch,
            children: None,
            poller,
            running: Map::new(),
            scripts: Map::new(),
            listeners: Map::new(),
            scandir: None,
            failed_waits: 0,
            record,
        })
    }

    /// Records that the change is over, with this exit code.
    pub(crate) fn over(&mut self, code: u8) {
        self.record.tell(Kind::ChangeOver, b"", self.work.script() as u8, code.into());
    }

    /// Records what happens to a oneshot.
    fn tell(&mut self, kind: Kind, id: Id, code: u16) {
        self.record.tell(kind, self.live.database().name(id), self.work.script() as u8, code);
    }

    fn is_longrun(&self, id: Id) -> bool {
        self.live.database().service(id).is_some_and(Service::is_longrun)
    }

    /// The command line of a oneshot for what is being done.
    fn script(&self, id: Id) -> &[Vec<u8>] {
        self.live.database().service(id).map_or(&[], |s| self.work.script().of(s))
    }

    fn command(&mut self, id: Id) -> Begun {
        match longrun::command(self.live.servicedir(id), self.work, &mut self.watch) {
            Commanded::Done => Begun::Done,
            Commanded::InProgress(transition) => {
                transition.index.map(|index| self.listeners.set(index, id));
                self.running.set(id, Running::Longrun(transition));
                Begun::InProgress
            }
            Commanded::Unheard(transition, reason) => {
                self.running.set(id, Running::Longrun(transition));
                Begun::Unheard(reason)
            }
            Commanded::Failed(trouble @ Trouble::NoDescriptors) => {
                Begun::NoRoom(Failure::of_trouble(trouble))
            }
            Commanded::Failed(trouble) => Begun::Failed(Failure::of_trouble(trouble)),
        }
    }

    fn run_script(&mut self, id: Id) -> Begun {
        let script = self.script(id);
        if script.is_empty() || (self.options.oneshots.carry_out)(script) {
            return Begun::Done;
        }
        self.tell(Kind::OneshotBegan, id, 0);
        let started = self.start_script(id);
        if started.is_err() {
            self.tell(Kind::OneshotEnded, id, NOT_RUN);
        }
        match started {
            Ok(running) => {
                self.running.set(id, running);
                Begun::InProgress
            }
            Err(e) if is_shortage(e) && self.running.is_empty() && self.manages(id) => Begun::Done,
            Err(e) => {
                let failure = Failure::of_script_not_run(e, self.script(id));
                if is_shortage(e) { Begun::NoRoom(failure) } else { Begun::Failed(failure) }
            }
        }
    }

    /// Whether the script's work has been done without a process.
    fn manages(&self, id: Id) -> bool {
        (self.options.oneshots.in_need)(self.script(id))
    }

    fn start_script(&mut self, id: Id) -> Result<Running, Errno> {
        let name = self.live.database().name(id).to_vec();
        let request = Request { script: self.work.script(), name, argv: self.script(id).to_vec() };
        let Oneshots { starter, env, path, .. } = &self.options.oneshots;
        let relay = match starter {
            Starter::ThisProcess(relay) => relay.as_deref(),
            Starter::Host => match self.ask_host(id, &request) {
                Ok(socket) => return Ok(Running::Host(socket)),
                Err(Errno::NOENT | Errno::CONNREFUSED | Errno::NOTDIR) => None,
                Err(e) => return Err(e),
            },
        };
        self.watch_children()?;
        // What can't be relayed now still isn't lost.
        let pipes = relay.and_then(|relay| relay.pipes(&request.name, &STREAMS).ok()).unwrap_or_default();
        let mut own = self.live.descriptors();
        own.extend(relay.map(AsFd::as_fd));
        let pid = request.spawn(self.options.reporter.name, *path, env, &pipes, &own)?;
        self.scripts.set(pid.as_raw_pid(), id);
        Ok(Running::Child(pid))
    }

    /// Asks the host to run a script; its answer comes on the connection that is returned.
    fn ask_host(&mut self, id: Id, request: &Request) -> Result<OwnedFd, Errno> {
        if self.scandir.is_none() {
            self.scandir = Some(self.live.scandir().map_err(|_| Errno::NOENT)?);
        }
        let socket = connect_to_host(self.scandir.as_deref().unwrap_or_default())?;
        // Before the script runs: it isn't run twice because its end could not be heard of.
        add(&self.poller, socket.as_fd(), HOSTS + u64::from(id))?;
        request.send(&socket)?;
        Ok(socket)
    }

    /// Begins to hear of children's ends.
    fn watch_children(&mut self) -> Result<(), Errno> {
        if self.children.is_none() {
            // A parent that ignores its children never learns how they ended.
            signal::set_default(signal::CHLD)?;
            let mask = signal::block(&Set::empty());
            let children = SignalFd::new(&Set::of(&[signal::CHLD]))
                .and_then(|children| add(&self.poller, children.as_fd(), CHILDREN).map(|()| children));
            match children {
                Ok(children) => self.children = Some((children, mask)),
                Err(e) => {
                    signal::set_mask(&mask);
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    /// Takes in what supervisors report.
    fn hear(&mut self, events: &mut Vec<Event>) {
        // What a failure keeps from being heard is asked for later.
        let mut next = self.watch.next(Some(Moment::ZERO));
        while let Ok(Some((index, letters))) = next {
            if let Some(id) = self.listeners.get(&index).copied()
                && let Some(Running::Longrun(transition)) = self.running.get(&id)
            {
                let progress = transition.hear(&letters);
                events.extend(self.end_longrun(id, progress));
            }
            next = self.watch.next_found();
        }
    }

    /// Forgets a longrun's transition that has ended, which the event reports.
    fn end_longrun(&mut self, id: Id, progress: Progress) -> Option<Event> {
        let event = match progress {
            Progress::Waiting => return None,
            Progress::Done => Event::Done(id),
            Progress::Failed(trouble) => {
                let failure = match self.running.get(&id) {
                    Some(Running::Longrun(transition)) => transition.failure(trouble),
                    _ => Failure::of_trouble(trouble),
                };
                Event::Failed(id, failure)
            }
        };
        self.forget(id);
        Some(event)
    }

    fn reap(&mut self, events: &mut Vec<Event>) {
        if let Some((children, _)) = &self.children {
            while let Ok(Some(_)) = children.read() {}
        }
        loop {
            match sys::process::reap() {
                Ok(None) => return,
                Ok(Some((pid, ended))) => {
                    // One that was given up may still end, and so may children from before.
                    if let Some(id) = self.scripts.remove(&pid.as_raw_pid())
                        && matches!(self.running.get(&id), Some(Running::Child(own)) if *own == pid)
                    {
                        events.push(self.end_script(id, Answer::Ended(ended)));
                    }
                }
                Err(Errno::INTR) => {}
                // Something else reaped them: how they ended will never be known.
                Err(e) => {
                    for id in std::mem::take(&mut self.scripts).into_values() {
                        if let Some(Running::Child(_)) = self.running.get(&id) {
                            events.push(self.end_script(id, Answer::NotRun(e)));
                        }
                    }
                    return;
                }
            }
        }
    }

    fn end_script(&mut self, id: Id, answer: Answer) -> Event {
        self.forget(id);
        self.tell(
            Kind::OneshotEnded,
            id,
            if let Answer::Ended(how) = answer { how.wstat() } else { NOT_RUN },
        );
        match Failure::of_answer(answer, self.script(id)) {
            None => Event::Done(id),
            Some(failure) => match answer {
                Answer::NotRun(e) if is_shortage(e) => Event::NoRoom(id, failure),
                _ => Event::Failed(id, failure),
            },
        }
    }
}

/// Whether a script was not run for a reason that may pass.
///
/// A host that can't serve a request closes the connection before all of it was read: that resets it.
fn is_shortage(e: Errno) -> bool {
    const PASSING: &[Errno] = &[
        Errno::MFILE,
        Errno::NFILE,
        Errno::AGAIN,
        Errno::NOMEM,
        Errno::NOSPC,
        Errno::NOBUFS,
        Errno::CONNRESET,
    ];
    PASSING.contains(&e)
}

impl Effects for Runner<'_> {
    fn now(&self) -> Moment {
        clock::now()
    }

    fn room(&self) -> usize {
        room(sys::limit::get(rustix::process::Resource::Nofile).current)
    }

    fn begin(&mut self, id: Id) -> Begun {
        if self.is_longrun(id) { self.command(id) } else { self.run_script(id) }
    }

    fn ask(&mut self, id: Id) -> Option<Event> {
        let Some(Running::Longrun(transition)) = self.running.get_mut(&id) else { return None };
        let progress = transition.ask(self.work, clock::now());
        self.end_longrun(id, progress)
    }

    fn forget(&mut self, id: Id) {
        if let Some(Running::Longrun(transition)) = self.running.remove(&id)
            && let Some(index) = transition.index
        {
            self.watch.remove(index);
            self.listeners.remove(&index);
        }
    }

    fn terminate(&mut self, id: Id) {
        if let Some(running) = self.running.get(&id) {
            running.terminate();
        }
    }

    fn send_down(&mut self, id: Id) {
        let _ = control::send(&self.live.servicedir(id), &[Work::Stop.command()]);
    }

    fn set_down_file(&mut self, id: Id, exists: bool) -> Result<(), StaleDownFile> {
        let file = join(&self.live.servicedir(id), b"down");
        let done = if exists { create(CWD, &file, b"", READABLE) } else { sys::fs::unlink(&file) };
        match done {
            Ok(()) | Err(Errno::NOENT | Errno::EXIST) => Ok(()),
            Err(reason) => Err(StaleDownFile { file, reason }),
        }
    }

    fn set_up(&mut self, id: Id, up: bool) -> Result<(), Errno> {
        self.live.set_up(id, up)
    }

    fn settle(&mut self) -> Result<(), Fatal> {
        self.live.settle()
    }

    fn wait(&mut self, until: Option<Moment>) -> Result<Vec<Event>, Fatal> {
        let left = until.map(|at| at.saturating_sub(clock::now()));
        let timeout = left.and_then(|l| Timespec::try_from(l).ok());
        let mut ready = Vec::with_capacity(64);
        match epoll::wait(&self.poller, rustix::buffer::spare_capacity(&mut ready), timeout.as_ref()) {
            Ok(_) => self.failed_waits = 0,
            Err(Errno::INTR) => {}
            // It may pass, and longruns are asked.
            Err(_) if self.failed_waits < FAILED_WAITS_LIMIT => self.failed_waits += 1,
            Err(e) => return Err(Fatal::unable("wait for events", e)),
        }
        let mut events = Vec::new();
        for source in ready {
            match source.data.u64() {
                SUPERVISORS => self.hear(&mut events),
                CHILDREN => self.reap(&mut events),
                INTERRUPT => {
                    if let Some(fd) = self.options.interrupt {
                        epoll::delete(&self.poller, fd).or_unable(|| "change the poller")?;
                    }
                    events.push(Event::Interrupted);
                    break;
                }
                host => {
                    if let Ok(id) = Id::try_from(host - HOSTS)
                        && let Some(Running::Host(socket)) = self.running.get(&id)
                    {
                        let answer = read_answer(socket.as_fd());
                        events.push(self.end_script(id, answer));
                    }
                }
            }
        }
        Ok(events)
    }

    fn put_off(&self, id: Id) -> Option<Moment> {
        let Some(Running::Longrun(_)) = self.running.get(&id) else { return None };
        attended::of_servicedir(&self.live.servicedir(id))?.until.map(Duration::from_millis)
    }

    fn waits_for(&self, id: Id) -> String {
        self.running.get(&id).map(Running::waits_for).unwrap_or_default()
    }

    fn explain(&self, id: Id) -> String {
        self.running.get(&id).map(|running| running.explain(self.work)).unwrap_or_default()
    }

    fn equivalent(&self, id: Id) -> Vec<u8> {
        if !self.is_longrun(id) {
            return dry_run::oneshot(self.work, self.live.path(), id, self.live.database().name(id));
        }
        let servicedir = self.live.servicedir(id);
        let has_readiness = sys::fs::access(join(&servicedir, b"notification-fd"), Access::EXISTS).is_ok();
        dry_run::longrun(self.work, &servicedir, has_readiness)
    }

    fn print(&self, line: &Line) {
        self.options.reporter.print(line);
    }

    fn output(&self, line: &[u8]) -> Result<(), Fatal> {
        self.options.reporter.output(line)
    }
}

impl Drop for Runner<'_> {
    /// Restores the caller's signal mask.
    fn drop(&mut self) {
        if let Some((_, mask)) = &self.children {
            signal::set_mask(mask);
        }
    }
}

/// How many transitions a limit on open files has room for.
fn room(limit: Option<u64>) -> usize {
    let limit = limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    limit.saturating_sub(SPARE).max(LEAST_ROOM)
}

fn add(poller: &OwnedFd, fd: BorrowedFd<'_>, data: u64) -> Result<(), Errno> {
    epoll::add(poller, fd, epoll::EventData::new_u64(data), epoll::EventFlags::IN)
}

#[cfg(test)]
mod tests {
    use super::{LEAST_ROOM, Runner, SPARE, room};
    use crate::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
    use crate::database::{Database, Service};
    use crate::effects::Effects;
    use crate::format::encode;
    use crate::live::{Live, Lock};
    use crate::reporter::Reporter;
    use crate::work::Work;
    use rustix::fs::{CWD, FileType, Mode};
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    use tool::Env;

    #[test]
    fn transitions_leave_32_descriptors_and_are_at_least_8() {
        assert_eq!((SPARE, LEAST_ROOM), (32, 8));
        assert_eq!([Some(1024), Some(41), Some(40), Some(0)].map(room), [992, 9, 8, 8]);
        assert_eq!(room(None), usize::MAX - 32);
    }

    #[test]
    fn letters_down_files_and_states_reach_the_live_directory() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        let service = Service { name: b"web".to_vec(), ..Service::default() };
        let database = Database::new(vec![service], Vec::new()).unwrap();
        for folder in ["compiled", "servicedirs/web/supervise"] {
            std::fs::create_dir_all(top.join(folder)).unwrap();
        }
        std::fs::write(top.join("compiled/db"), encode(&database)).unwrap();
        std::fs::write(top.join("state"), [0]).unwrap();
        let fifo = top.join("servicedirs/web/supervise/control");
        sys::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let mut control = std::fs::File::options().read(true).write(true).open(fifo).unwrap();
        let mut live = Live::open(top.as_os_str().as_bytes(), Lock::None, false).unwrap();
        let env = Env::new();
        let options = ChangeOptions {
            reporter: Reporter { name: "s6-rc", verbosity: 0, idle: &[] },
            force: false,
            deadline: None,
            dry_run: None,
            oneshots: Oneshots::by_processes(Starter::Host, &env, None),
            interrupt: None,
            on_interrupt: OnInterrupt::FinishOneshots,
            remind: None,
        };
        let mut runner = Runner::new(&mut live, &options, Work::Start).unwrap();
        let down = top.join("servicedirs/web/down");
        // What is so already is no failure.
        for exists in [true, true, false, false] {
            assert_eq!((runner.set_down_file(0, exists), down.exists()), (Ok(()), exists));
        }
        runner.send_down(0);
        let mut letter = [0];
        control.read_exact(&mut letter).unwrap();
        assert_eq!(letter, *b"d");
        runner.set_up(0, true).unwrap();
        assert_eq!(std::fs::read(top.join("state")).unwrap(), [1]);
    }
}
