//! The engine: carries a [`Plan`] out on the live state.
//!
//! Longruns are told to go up or down through their supervisors and listened to; oneshots run as children, or by the
//! host of the scan directory.  One poller waits for all of them, for time-outs and for the caller's interruption.
//! The live state is written after every transition, so that a change that is cut short can be taken up again.

use crate::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use crate::changed::{Changed, End};
use crate::database::{Id, Service};
use crate::failure::Failure;
use crate::folder::READABLE;
use crate::live::Live;
use crate::longrun::{self, Progress, Transition, Trouble};
use crate::oneshot::{Answer, Request, ask_host, read_answer};
use crate::plan::{Direction, Plan, Step};
use crate::reminder::Reminder;
use crate::report::{NAMED, Report, Setting, dry_longrun, dry_oneshot, reminder_verbosity};
use crate::work::{Running, Work};
use files::create;
use ipc::relay::STREAMS;
use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::process::Pid;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use supervision::control::{self, SUPERVISE};
use supervision::watch::Watch;
use sys::signal::{self, Set, SignalFd};
use tool::clock::{self, Moment};
use tool::path::join;
use tool::{Fatal, OrUnable};

/// Who can be read; connections to the host come with [`HOSTS`] plus the service's number.
const EVENTS: u64 = 0;
const CHILDREN: u64 = 1;
const INTERRUPT: u64 = 2;
const HOSTS: u64 = 3;

/// One change on its way.
pub(crate) struct Engine<'a> {
    live: &'a mut Live,
    options: &'a ChangeOptions<'a>,
    plan: Plan<'a>,
    work: Work,
    watch: Watch,
    /// Tells of children's ends; the mask of signals to go back to.
    children: Option<(SignalFd, Set)>,
    poller: OwnedFd,
    running: HashMap<Id, Running>,
    /// Whose script each child is.
    scripts: HashMap<Pid, Id>,
    /// Whose listener has which index in the watch.
    listeners: HashMap<usize, Id>,
    deadlines: BTreeSet<(Moment, Id)>,
    failures: Vec<(Id, Failure)>,
    /// Transitions that may begin.
    queue: VecDeque<Id>,
    /// How many may be on their way at once: each takes a descriptor.
    room: usize,
    scandir: Option<Vec<u8>>,
    reminder: Reminder,
    interrupted: bool,
}

impl<'a> Engine<'a> {
    /// An engine for a plan.
    ///
    /// # Errors
    /// No poller can be made: code 111.
    pub(crate) fn new(
        live: &'a mut Live,
        options: &'a ChangeOptions<'a>,
        plan: Plan<'a>,
    ) -> Result<Self, Fatal> {
        let unable = || "set up a poller";
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC).or_unable(unable)?;
        let watch = Watch::new().or_unable(unable)?;
        add(&poller, watch.as_fd(), EVENTS).or_unable(unable)?;
        if let Some(fd) = options.interrupt {
            add(&poller, fd, INTERRUPT).or_unable(unable)?;
        }
        Ok(Self {
            live,
            options,
            work: if plan.direction() == Direction::Up { Work::Start } else { Work::Stop },
            plan,
            watch,
            children: None,
            poller,
            running: HashMap::new(),
            scripts: HashMap::new(),
            listeners: HashMap::new(),
            deadlines: BTreeSet::new(),
            failures: Vec::new(),
            queue: VecDeque::new(),
            room: room(),
            scandir: None,
            reminder: Reminder::new(options.remind, clock::now()),
            interrupted: false,
        })
    }

    fn is_up(&self) -> bool {
        self.work == Work::Start
    }

    fn name(&self, id: Id) -> &[u8] {
        self.live.database().name(id)
    }

    /// Whether it exists as a name only, which tells nobody anything.
    fn is_internal(&self, id: Id) -> bool {
        self.live.database().service(id).is_some_and(Service::is_internal)
    }

    fn report(&self, report: &Report<'_>) {
        let reporter = &self.options.reporter;
        let is_dry_run = self.options.dry_run.is_some();
        let setting = Setting { verbosity: reporter.verbosity, work: self.work, is_dry_run };
        if let Some(line) = report.line(setting) {
            reporter.print(&line);
        }
    }

    /// Makes it an engine that reloads these services.
    pub(crate) fn reload(&mut self, ids: &[Id]) {
        self.work = Work::Reload;
        self.queue.extend(ids);
    }

    /// Carries the plan out.
    ///
    /// # Errors
    /// The live state or the poller can't be used: code 111.
    pub(crate) fn run(&mut self) -> Result<Changed, Fatal> {
        if self.work != Work::Reload {
            self.report(&Report::Bringing(self.plan.direction()));
        }
        let end = loop {
            self.take_steps()?;
            if self.is_idle() {
                break End::Done;
            }
            if let Some(end) = self.wait()? {
                break end;
            }
        };
        let mut unfinished: Vec<_> = self.running.iter().map(|(id, r)| (*id, r.waits_for())).collect();
        unfinished.sort_unstable();
        match end {
            End::TimedOut => {
                for (id, waits_for) in &unfinished {
                    self.report(&Report::OutOfTime { name: self.name(*id), waits_for });
                }
            }
            End::Done => self.report_kept_back(),
            End::Interrupted => {}
        }
        Ok(Changed { end, failures: std::mem::take(&mut self.failures), unfinished })
    }

    /// Names the services that nothing is wrong with, but that need a service that failed.
    fn report_kept_back(&self) {
        let failed: Vec<Id> = self.failures.iter().map(|(id, _)| *id).collect();
        let mut kept = self.plan.kept_back_by(&failed);
        kept.retain(|id| !self.is_internal(*id));
        if !kept.is_empty() && self.work != Work::Reload {
            let names: Vec<&[u8]> = kept.iter().map(|id| self.name(*id)).collect();
            self.report(&Report::KeptBack { names: &names });
        }
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.queue.is_empty()
    }

    /// The next thing to do: what the plan says, as long as there is room for more.
    fn next_step(&mut self) -> Option<Step> {
        while let Some(step) = self.plan.next_step() {
            match step {
                Step::Begin(id) => self.queue.push_back(id),
                other => return Some(other),
            }
        }
        if self.running.len() >= self.room {
            return None;
        }
        self.queue.pop_front().map(Step::Begin)
    }

    /// Begins everything that may begin.
    fn take_steps(&mut self) -> Result<(), Fatal> {
        while let Some(step) = self.next_step() {
            match step {
                Step::Begin(id) => {
                    if !self.is_internal(id) {
                        self.report(&Report::Beginning { name: self.name(id) });
                    }
                    self.begin(id)?;
                }
                Step::Already(id) if self.is_internal(id) => {}
                Step::Already(id) => self.report(&Report::Already { name: self.name(id) }),
                Step::Essential(id) => self.report(&Report::Essential { name: self.name(id) }),
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: Id) -> Result<(), Fatal> {
        let Some(service) = self.live.database().service(id) else { return Ok(()) };
        let (internal, longrun) = (service.is_internal(), service.is_longrun());
        let timeout = self.timeout(id);
        if let Some(ms) = self.options.dry_run {
            self.print_dry_run(id)?;
            self.running.insert(id, Running::Nothing);
            self.deadlines.insert((clock::now() + Duration::from_millis(ms.into()), id));
            return Ok(());
        }
        if internal {
            return self.succeed(id);
        }
        let begun = if longrun { self.begin_longrun(id) } else { self.begin_oneshot(id) };
        match begun {
            Ok(None) => self.succeed(id)?,
            Ok(Some(running)) => {
                self.running.insert(id, running);
                self.reminder.progress(clock::now());
                if timeout != 0 {
                    self.deadlines.insert((clock::now() + Duration::from_millis(timeout.into()), id));
                }
            }
            Err(None) if self.running.is_empty() => {
                self.fail(id, Failure::Unable("no descriptors or processes are left".into()));
            }
            Err(None) => {
                // What runs now is as much as there is room for.
                self.room = self.running.len();
                self.queue.push_front(id);
            }
            Err(Some(failure)) => self.fail(id, failure),
        }
        Ok(())
    }

    /// The longest that a service may take, in milliseconds; 0 for no limit.
    fn timeout(&self, id: Id) -> u32 {
        let service = self.live.database().service(id);
        service.map_or(0, |s| match self.work {
            Work::Start => s.timeout_up,
            Work::Stop => s.timeout_down,
            Work::Reload => 0,
        })
    }

    /// Begins a longrun's transition; `Err(None)`: not now, descriptors are short.
    fn begin_longrun(&mut self, id: Id) -> Result<Option<Running>, Option<Failure>> {
        if self.work == Work::Reload {
            let servicedir = self.live.servicedir(id);
            return match control::send(&servicedir, SUPERVISE, b"l") {
                Ok(()) => Ok(None),
                Err(e) => Err(Some(Failure::of_trouble(longrun::undelivered(e)))),
            };
        }
        let up = self.is_up();
        match Transition::begin(self.live.servicedir(id), up, &mut self.watch) {
            Ok(None) => Ok(None),
            Ok(Some(transition)) => {
                self.listeners.insert(transition.index, id);
                Ok(Some(Running::Longrun(transition)))
            }
            Err(Trouble::NoDescriptors) => Err(None),
            Err(trouble) => Err(Some(Failure::of_trouble(trouble))),
        }
    }

    /// Begins to run a oneshot's script; `Err(None)`: not now, descriptors or processes are short.
    fn begin_oneshot(&mut self, id: Id) -> Result<Option<Running>, Option<Failure>> {
        self.start_script(id).map_err(|e| match e {
            Errno::MFILE | Errno::NFILE | Errno::AGAIN => None,
            e => Failure::of_answer(Answer::NotRun(e), self.script(id)),
        })
    }

    /// Starts a script; `None` if there is nothing to run.
    fn start_script(&mut self, id: Id) -> Result<Option<Running>, Errno> {
        let script = self.work.script();
        let argv = self.script(id).to_vec();
        if argv.is_empty() {
            return Ok(None);
        }
        let request = Request { script, name: self.live.database().name(id).to_vec(), argv };
        let relay = match &self.options.oneshots.starter {
            Starter::ThisProcess(relay) => relay.as_deref(),
            Starter::Host => {
                match self.ask_host(&request) {
                    Ok(socket) => {
                        add(&self.poller, socket.as_fd(), HOSTS + u64::from(id))?;
                        return Ok(Some(Running::Host(socket)));
                    }
                    Err(Errno::NOENT | Errno::CONNREFUSED | Errno::NOTDIR) => {}
                    Err(e) => return Err(e),
                }
                None
            }
        };
        self.watch_children()?;
        // What can't be relayed now still isn't lost.
        let pipes = relay.and_then(|relay| relay.pipes(&request.name, &STREAMS).ok()).unwrap_or_default();
        let mut own = self.live.descriptors();
        own.extend(relay.map(AsFd::as_fd));
        let Oneshots { env, path, .. } = &self.options.oneshots;
        let pid = request.spawn(self.options.reporter.name, *path, env, &pipes, &own)?;
        self.scripts.insert(pid, id);
        Ok(Some(Running::Child(pid)))
    }

    /// The command line of a oneshot for what is being done.
    fn script(&self, id: Id) -> &[Vec<u8>] {
        self.live.database().service(id).map_or(&[], |s| self.work.script().of(s))
    }

    fn print_dry_run(&self, id: Id) -> Result<(), Fatal> {
        let reporter = &self.options.reporter;
        if reporter.verbosity == 0 {
            return Ok(());
        }
        if self.live.database().service(id).is_some_and(Service::is_longrun) {
            let servicedir = self.live.servicedir(id);
            let file = join(&servicedir, b"notification-fd");
            let has_readiness = sys::fs::access(file, rustix::fs::Access::EXISTS).is_ok();
            return reporter.output(&dry_longrun(self.work, &servicedir, has_readiness));
        }
        reporter.output(&dry_oneshot(self.work, self.live.path(), id, self.name(id)))
    }

    fn succeed(&mut self, id: Id) -> Result<(), Fatal> {
        let up = self.is_up();
        self.forget(id);
        if self.options.dry_run.is_none() && self.work != Work::Reload {
            let longrun =
                self.live.database().service(id).is_some_and(|s| s.is_longrun() && !s.is_internal());
            if longrun {
                let file = join(&self.live.servicedir(id), b"down");
                let done = if up { sys::fs::unlink(&file) } else { create(CWD, &file, b"", READABLE) };
                match done {
                    Ok(()) | Err(Errno::NOENT | Errno::EXIST) => {}
                    Err(e) => self.report(&Report::StaleDownFile { file: &file, reason: &sys::strerror(e) }),
                }
            }
            self.live.set_up(id, up)?;
        }
        if !self.is_internal(id) {
            self.report(&Report::Succeeded { name: self.name(id) });
        }
        self.plan.finished(id, true);
        Ok(())
    }

    fn fail(&mut self, id: Id, failure: Failure) {
        if let Some(Running::Longrun(_)) = self.forget(id)
            && self.is_up()
        {
            // Down is a state that is known, half started isn't.
            let _ = control::send(&self.live.servicedir(id), SUPERVISE, b"d");
        }
        self.report(&Report::Failed { name: self.name(id), failure: &failure });
        self.failures.push((id, failure));
        self.plan.finished(id, false);
    }

    /// Stops waiting for a transition.
    fn forget(&mut self, id: Id) -> Option<Running> {
        if !self.deadlines.is_empty() {
            self.deadlines.retain(|(_, other)| *other != id);
        }
        let running = self.running.remove(&id);
        self.reminder.progress(clock::now());
        if let Some(Running::Longrun(transition)) = &running {
            self.watch.remove(transition.index);
            self.listeners.remove(&transition.index);
        }
        running
    }

    /// Waits for something to happen and deals with it; the end, if that is what happened.
    fn wait(&mut self) -> Result<Option<End>, Fatal> {
        let next = self.deadlines.first().map(|(at, _)| *at).into_iter().chain(self.options.deadline);
        let next = next.chain(self.reminder.at()).min();
        let left = next.map(|at| at.saturating_sub(clock::now()));
        let timeout = left.and_then(|l| Timespec::try_from(l).ok());
        let mut events = Vec::with_capacity(64);
        match epoll::wait(&self.poller, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Fatal::unable("wait for events", e)),
        }
        let over = self.options.deadline.is_some_and(|d| d <= clock::now());
        let failures = self.failures.len();
        for event in events {
            match event.data.u64() {
                EVENTS => self.hear()?,
                CHILDREN => self.reap()?,
                INTERRUPT => return self.interrupted(),
                host => {
                    if let Ok(id) = Id::try_from(host - HOSTS) {
                        self.read_answer(id)?;
                    }
                }
            }
        }
        self.expire()?;
        self.remind();
        // What fails when the time is over already may have failed for that reason, and only now be heard of.
        let late = over && (!self.is_idle() || self.failures.len() > failures);
        Ok(late.then_some(End::TimedOut))
    }

    fn hear(&mut self) -> Result<(), Fatal> {
        while let Some((index, letters)) =
            self.watch.next(Some(Moment::ZERO)).or_unable(|| "listen to supervisors")?
        {
            let Some(id) = self.listeners.get(&index).copied() else { continue };
            let Some(Running::Longrun(transition)) = self.running.get(&id) else { continue };
            match transition.hear(&letters) {
                Progress::Waiting => {}
                Progress::Done => self.succeed(id)?,
                Progress::Failed(trouble) => self.fail(id, Failure::of_trouble(trouble)),
            }
        }
        Ok(())
    }

    fn reap(&mut self) -> Result<(), Fatal> {
        if let Some((children, _)) = &self.children {
            while children.read().or_unable(|| "read signals")?.is_some() {}
        }
        loop {
            match sys::process::reap() {
                Ok(None) => return Ok(()),
                Ok(Some((pid, ended))) => {
                    // One that was given up on may still end, and so may children from before.
                    if let Some(id) = self.scripts.remove(&pid)
                        && matches!(self.running.get(&id), Some(Running::Child(own)) if *own == pid)
                    {
                        self.script_ended(id, Answer::Ended(ended))?;
                    }
                }
                Err(Errno::INTR) => {}
                // Somebody else took them: how they ended will never be known.
                Err(e) => {
                    for (_, id) in std::mem::take(&mut self.scripts) {
                        if let Some(Running::Child(_)) = self.running.get(&id) {
                            self.script_ended(id, Answer::NotRun(e))?;
                        }
                    }
                    return Ok(());
                }
            }
        }
    }

    fn read_answer(&mut self, id: Id) -> Result<(), Fatal> {
        let Some(Running::Host(socket)) = self.running.get(&id) else { return Ok(()) };
        let answer = read_answer(socket.as_fd());
        self.script_ended(id, answer)
    }

    fn script_ended(&mut self, id: Id, answer: Answer) -> Result<(), Fatal> {
        match Failure::of_answer(answer, self.script(id)) {
            None => self.succeed(id)?,
            Some(failure) => self.fail(id, failure),
        }
        Ok(())
    }

    /// Ends the transitions whose time is over.
    fn expire(&mut self) -> Result<(), Fatal> {
        let now = clock::now();
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.pop_first();
            let Some(running) = self.running.get(&id) else { continue };
            if let Running::Nothing = running {
                self.succeed(id)?;
                continue;
            }
            let waited_for = running.waits_for();
            running.terminate();
            let after = self.timeout(id);
            self.fail(id, Failure::TimedOut { after, waited_for });
        }
        Ok(())
    }

    /// Reports what has made no progress for a while.
    fn remind(&mut self) {
        let Some(quiet) = self.reminder.due(clock::now()) else { return };
        let is_slow_normal = self.is_up() && !self.interrupted;
        if self.options.reporter.verbosity < reminder_verbosity(is_slow_normal) {
            return;
        }
        let mut ids: Vec<Id> = self.running.keys().copied().collect();
        ids.sort_unstable();
        let count = ids.len().saturating_sub(NAMED);
        for id in ids.into_iter().take(NAMED) {
            let Some(why) = self.running.get(&id).map(|r| r.explain(self.work)) else { continue };
            self.report(&Report::StillWaiting { name: self.name(id), quiet, why: &why, is_slow_normal });
        }
        if count > 0 {
            self.report(&Report::StillWaitingForMore { count });
        }
    }

    /// The caller wants an end: longruns are given up, and oneshots as the options say.
    fn interrupted(&mut self) -> Result<Option<End>, Fatal> {
        self.report(&Report::Interrupted);
        self.plan.stop();
        self.interrupted = true;
        self.reminder.progress(clock::now());
        for id in std::mem::take(&mut self.queue) {
            self.fail(id, Failure::Interrupted);
        }
        let longruns: Vec<Id> = self
            .running
            .iter()
            .filter(|(_, r)| !matches!(r, Running::Child(_) | Running::Host(_)))
            .map(|(id, _)| *id)
            .collect();
        for id in longruns {
            self.fail(id, Failure::Interrupted);
        }
        if let Some(fd) = self.options.interrupt {
            epoll::delete(&self.poller, fd).or_unable(|| "change the poller")?;
        }
        match self.options.on_interrupt {
            OnInterrupt::Abandon => self.running.values().for_each(Running::terminate),
            OnInterrupt::FinishOneshots => {
                while !self.is_idle() {
                    if self.wait()? == Some(End::TimedOut) {
                        return Ok(Some(End::TimedOut));
                    }
                }
            }
        }
        Ok(Some(End::Interrupted))
    }

    /// Begins to hear of children's ends.
    fn watch_children(&mut self) -> Result<(), Errno> {
        if self.children.is_none() {
            // A parent that ignores its children never learns how they ended.
            signal::set_default(signal::CHLD)?;
            let mask = signal::block(&Set::empty());
            let children = SignalFd::new(&Set::of(&[signal::CHLD]))?;
            add(&self.poller, children.as_fd(), CHILDREN)?;
            self.children = Some((children, mask));
        }
        Ok(())
    }

    fn ask_host(&mut self, request: &Request) -> Result<OwnedFd, Errno> {
        if self.scandir.is_none() {
            self.scandir = Some(self.live.scandir().map_err(|_| Errno::NOENT)?);
        }
        ask_host(self.scandir.as_deref().unwrap_or_default(), request)
    }
}

impl Drop for Engine<'_> {
    /// Gives the caller's signal mask back.
    fn drop(&mut self) {
        if let Some((_, mask)) = &self.children {
            signal::set_mask(mask);
        }
    }
}

/// How many transitions the limit on open files has room for, with some to spare for short uses.
fn room() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)).saturating_sub(32).max(8)
}

fn add(poller: &OwnedFd, fd: BorrowedFd<'_>, data: u64) -> Result<(), Errno> {
    epoll::add(poller, fd, epoll::EventData::new_u64(data), epoll::EventFlags::IN)
}
