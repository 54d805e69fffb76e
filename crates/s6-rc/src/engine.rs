//! The engine: carries a [`Plan`] out.
//!
//! It decides when each transition begins, what its end means for the others, what is reported, and when to give up.
//! What it decides is done through its [`Effects`].  The live state is written after every transition, so that the next
//! change can continue where this one was cut short.

use crate::change_options::{ChangeOptions, OnInterrupt};
use crate::changed::{Changed, End};
use crate::database::{Database, Id, Service};
use crate::effects::{Begun, Effects, Event};
use crate::failure::Failure;
use crate::plan::{Plan, Step};
use crate::reminder::Reminder;
use crate::report::{Context, NAMED, Report, reminder_verbosity};
use crate::shortage::Shortage;
use crate::work::Work;
use std::collections::VecDeque;
use std::time::Duration;
use supervision::asking::Asking;
use tool::Fatal;
use tool::clock::Moment;
use tool::sorted::{Map, Set};

/// A start that makes no progress for longer isn't just slow.
const SLOW_MAX: Duration = Duration::from_secs(30);

/// One change.
pub(crate) struct Engine<'a, E: Effects> {
    effects: &'a mut E,
    options: &'a ChangeOptions<'a>,
    database: &'a Database,
    plan: Plan<'a>,
    work: Work,
    /// Transitions in progress, and when each times out.
    running: Map<Id, Option<Moment>>,
    deadlines: Set<(Moment, Id)>,
    /// By how much services have put off the end of their time.
    put_off: Map<Id, Duration>,
    /// When longruns in progress are asked how they stand.
    askings: Map<Id, Asking>,
    failures: Vec<(Id, Failure)>,
    /// Transitions that may begin.
    queue: VecDeque<Id>,
    /// How many may be in progress at once.
    room: usize,
    shortage: Shortage,
    /// The service that was refused, whose beginning is reported already.
    refused: Option<Id>,
    reminder: Reminder,
    is_interrupted: bool,
    /// How many files `down` could not be brought up to date.
    stale_down_files: usize,
    is_state_stale: bool,
    is_unheard_reported: bool,
}

impl<'a, E: Effects> Engine<'a, E> {
    /// An engine that carries a plan out.
    pub(crate) fn new(
        effects: &'a mut E,
        options: &'a ChangeOptions<'a>,
        database: &'a Database,
        plan: Plan<'a>,
    ) -> Self {
        let (room, now) = (effects.room(), effects.now());
        Self {
            effects,
            options,
            database,
            work: Work::of(plan.direction()),
            plan,
            running: Map::new(),
            deadlines: Set::new(),
            put_off: Map::new(),
            askings: Map::new(),
            failures: Vec::new(),
            queue: VecDeque::new(),
            room,
            shortage: Shortage::default(),
            refused: None,
            reminder: Reminder::new(options.remind, now),
            is_interrupted: false,
            stale_down_files: 0,
            is_state_stale: false,
            is_unheard_reported: false,
        }
    }

    /// An engine that reloads these services.
    pub(crate) fn reload(
        effects: &'a mut E,
        options: &'a ChangeOptions<'a>,
        database: &'a Database,
        ids: &[Id],
    ) -> Self {
        let mut engine = Self::new(effects, options, database, Plan::empty(database));
        engine.work = Work::Reload;
        engine.queue.extend(ids);
        engine
    }

    fn is_up(&self) -> bool {
        self.work == Work::Start
    }

    fn is_dry_run(&self) -> bool {
        self.options.dry_run.is_some()
    }

    /// Whether a service exists as a name only, which nothing is reported of.
    fn is_internal(&self, id: Id) -> bool {
        self.database.service(id).is_some_and(Service::is_internal)
    }

    fn is_longrun(&self, id: Id) -> bool {
        self.database.service(id).is_some_and(Service::is_longrun)
    }

    fn report(&self, report: &Report<'_>) {
        let verbosity = self.options.reporter.verbosity;
        if let Report::Beginning { name } | Report::Succeeded { name } = report
            && self.options.reporter.idle.contains(name)
            && verbosity < 3
        {
            return;
        }
        let context = Context { verbosity, work: self.work, is_dry_run: self.is_dry_run() };
        if let Some(line) = report.line(context) {
            self.effects.print(&line);
        }
    }

    /// Carries the plan out.
    ///
    /// # Errors
    /// An effect that the engine depends on failed: code 111.
    pub(crate) fn run(mut self) -> Result<Changed, Fatal> {
        if self.work != Work::Reload {
            self.report(&Report::Bringing(self.plan.direction()));
        }
        let end = loop {
            self.take_steps()?;
            if self.is_idle() {
                break if self.is_interrupted { End::Interrupted } else { End::Done };
            }
            if let Some(end) = self.wait()? {
                break end;
            }
        };
        let unfinished: Vec<_> = self.running.keys().map(|id| (*id, self.waits_for(*id))).collect();
        match end {
            End::TimedOut => {
                for (id, waits_for) in &unfinished {
                    self.report(&Report::OutOfTime { name: self.database.name(*id), waits_for });
                }
            }
            End::Done => self.report_kept_back(),
            End::Interrupted => {}
        }
        if self.stale_down_files > 1 {
            self.report(&Report::MoreStaleDownFiles { count: self.stale_down_files - 1 });
        }
        self.effects.settle()?;
        Ok(Changed { end, failures: self.failures, unfinished })
    }

    /// Names the services that nothing is wrong with, but that need a service that failed.
    fn report_kept_back(&self) {
        let failed: Vec<Id> = self.failures.iter().map(|(id, _)| *id).collect();
        let kept = self.plan.kept_back_by(&failed).into_iter().filter(|id| !self.is_internal(*id));
        let idle = |name: &&[u8]| self.options.reporter.idle.contains(name);
        let names: Vec<&[u8]> = kept.map(|id| self.database.name(id)).filter(|name| !idle(name)).collect();
        if !names.is_empty() {
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
        if self.running.len() >= self.room || self.shortage.holds(self.effects.now()) {
            return None;
        }
        self.queue.pop_front().map(Step::Begin)
    }

    /// Begins everything that may begin.
    fn take_steps(&mut self) -> Result<(), Fatal> {
        while let Some(step) = self.next_step() {
            match step {
                Step::Begin(id) => self.begin(id)?,
                Step::Already(id) if self.is_internal(id) => {}
                Step::Already(id) => self.report(&Report::Already { name: self.database.name(id) }),
                Step::Essential(id) => self.report(&Report::Essential { name: self.database.name(id) }),
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: Id) -> Result<(), Fatal> {
        let is_internal = self.is_internal(id);
        if !is_internal && self.refused != Some(id) {
            self.report(&Report::Beginning { name: self.database.name(id) });
        }
        if let Some(ms) = self.options.dry_run {
            if self.options.reporter.verbosity >= 1 {
                self.effects.output(&self.effects.equivalent(id))?;
            }
            self.await_end(id, Some(ms));
            return Ok(());
        }
        if is_internal {
            self.succeed(id);
            return Ok(());
        }
        match self.effects.begin(id) {
            Begun::Done => self.succeed(id),
            Begun::InProgress => self.begun(id, true),
            Begun::Unheard(reason) => {
                if !std::mem::replace(&mut self.is_unheard_reported, true) {
                    let reason = &sys::strerror(reason);
                    self.report(&Report::Unheard { name: self.database.name(id), reason });
                }
                self.begun(id, false);
            }
            Begun::NoRoom(failure) => self.refuse(id, failure),
            Begun::Failed(failure) => self.fail(id, failure),
        }
        Ok(())
    }

    /// A transition has begun, and is in progress.
    fn begun(&mut self, id: Id, is_heard: bool) {
        let now = self.effects.now();
        self.await_end(id, Some(self.timeout(id)).filter(|ms| *ms != 0));
        if self.is_longrun(id) {
            self.askings.set(id, Asking::new(now, is_heard));
        }
        self.reminder.progress(now);
    }

    /// A transition can't begin for lack of room: it is tried again a little later, or when another one has ended.
    fn refuse(&mut self, id: Id, failure: Failure) {
        if self.is_interrupted {
            return self.fail(id, Failure::Interrupted);
        }
        let now = self.effects.now();
        if self.running.is_empty() && self.shortage.is_long(now) {
            return self.fail(id, failure);
        }
        self.shortage.refuse(now);
        // As long as others are in progress, there was just too much at once.
        if self.running.is_empty() && self.shortage.is_news() {
            self.report(&Report::NoRoom { name: self.database.name(id), failure: &failure });
        }
        self.refused = Some(id);
        self.queue.push_front(id);
    }

    /// Waits for the end of a transition from now on, for so many milliseconds at most.
    fn await_end(&mut self, id: Id, limit: Option<u32>) {
        let deadline = limit.map(|ms| self.effects.now() + Duration::from_millis(ms.into()));
        self.running.set(id, deadline);
        self.deadlines.extend(deadline.map(|at| (at, id)));
    }

    /// How long a transition may take, in milliseconds; 0 for no limit.
    fn timeout(&self, id: Id) -> u32 {
        self.database.service(id).map_or(0, |service| self.work.timeout(service))
    }

    fn succeed(&mut self, id: Id) {
        let up = self.is_up();
        self.shortage.end();
        self.forget(id);
        if !self.is_dry_run() && self.work != Work::Reload {
            if self.is_longrun(id)
                && !self.is_internal(id)
                && let Err(stale) = self.effects.set_down_file(id, !up)
            {
                self.stale_down_files += 1;
                if self.stale_down_files == 1 {
                    let reason = &sys::strerror(stale.reason);
                    self.report(&Report::StaleDownFile { file: &stale.file, reason });
                }
            }
            let written = self.effects.set_up(id, up);
            if let Err(e) = written
                && !self.is_state_stale
            {
                self.report(&Report::StaleState { reason: sys::strerror(e) });
            }
            self.is_state_stale = written.is_err();
        }
        if !self.is_internal(id) {
            self.report(&Report::Succeeded { name: self.database.name(id) });
        }
        self.plan.finished(id, true);
    }

    fn fail(&mut self, id: Id, failure: Failure) {
        let was_running = self.forget(id);
        if was_running && self.is_up() && self.is_longrun(id) && !self.is_dry_run() {
            // Down is a known state, half started isn't.
            self.effects.send_down(id);
        }
        self.report(&Report::Failed { name: self.database.name(id), failure: &failure });
        self.failures.push((id, failure));
        self.plan.finished(id, false);
    }

    /// Stops waiting for a transition; whether it was in progress.
    fn forget(&mut self, id: Id) -> bool {
        self.reminder.progress(self.effects.now());
        self.askings.remove(&id);
        self.put_off.remove(&id);
        let Some(deadline) = self.running.remove(&id) else { return false };
        self.shortage.retry();
        if let Some(at) = deadline {
            self.deadlines.remove(&(at, id));
        }
        self.effects.forget(id);
        true
    }

    /// Waits for something to happen and handles it; the end of the change, if that is what happened.
    fn wait(&mut self) -> Result<Option<End>, Fatal> {
        let next = self.deadlines.first().map(|(at, _)| *at).into_iter().chain(self.options.deadline);
        let next = next.chain(self.askings.values().map(Asking::at).min());
        let may_begin = !self.queue.is_empty() && self.running.len() < self.room;
        let next = next.chain(self.shortage.at().filter(|_| may_begin));
        let events = self.effects.wait(next.chain(self.reminder.at()).min())?;
        let is_over = self.options.deadline.is_some_and(|d| d <= self.effects.now());
        let failures = self.failures.len();
        for event in events {
            if let Event::Interrupted = event {
                self.interrupt();
                let is_end = self.options.on_interrupt == OnInterrupt::Abandon;
                return Ok(is_end.then_some(End::Interrupted));
            }
            self.handle(event);
        }
        self.ask();
        self.expire();
        self.remind();
        // What fails when the time is over already may have failed for that reason, and only now be heard of.
        let is_late = is_over && (!self.is_idle() || self.failures.len() > failures);
        Ok(is_late.then_some(End::TimedOut))
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Done(id) => self.succeed(id),
            Event::Failed(id, failure) => {
                self.shortage.end();
                self.fail(id, failure);
            }
            Event::NoRoom(id, failure) => {
                self.forget(id);
                self.refuse(id, failure);
            }
            Event::Interrupted => {}
        }
    }

    /// Asks the longruns in progress that it is time for how they stand.
    fn ask(&mut self) {
        let now = self.effects.now();
        let due = self.askings.iter().filter(|(_, asking)| asking.at() <= now).map(|(id, _)| *id);
        for id in due.collect::<Vec<_>>() {
            if let Some(asking) = self.askings.get_mut(&id) {
                *asking = asking.next(now);
                self.effects.ask(id).into_iter().for_each(|event| self.handle(event));
            }
        }
    }

    /// Ends the transitions whose time is over.
    fn expire(&mut self) {
        let now = self.effects.now();
        while let Some((due, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            if self.is_dry_run() {
                self.succeed(id);
                continue;
            }
            if let Some(at) = self.effects.put_off(id).filter(|at| *at > now) {
                self.deadlines.remove(&(due, id));
                self.deadlines.extend([(at, id)]);
                let before = self.put_off.get(&id).copied().unwrap_or_default();
                self.put_off.set(id, before.saturating_add(at.saturating_sub(due)));
                self.running.set(id, Some(at));
                continue;
            }
            let waited_for = self.waits_for(id);
            let more = self.put_off.get(&id).map_or(0, Duration::as_millis);
            let after = u32::try_from(more).unwrap_or(u32::MAX).saturating_add(self.timeout(id));
            if !self.is_longrun(id) {
                self.effects.terminate(id);
            }
            self.fail(id, Failure::TimedOut { after, waited_for });
        }
    }

    fn waits_for(&self, id: Id) -> String {
        if self.is_dry_run() { "the end of the dry run".to_owned() } else { self.effects.waits_for(id) }
    }

    /// Reports what has made no progress for a while.
    fn remind(&mut self) {
        let Some(quiet) = self.reminder.due(self.effects.now()) else { return };
        let is_slow_normal = self.is_up() && !self.is_interrupted && quiet < SLOW_MAX;
        if self.options.reporter.verbosity < reminder_verbosity(is_slow_normal) {
            return;
        }
        for id in self.running.keys().copied().take(NAMED) {
            let why = &if self.is_dry_run() { self.waits_for(id) } else { self.effects.explain(id) };
            self.report(&Report::StillWaiting { name: self.database.name(id), quiet, why, is_slow_normal });
        }
        let count = self.running.len().saturating_sub(NAMED);
        if count > 0 {
            self.report(&Report::StillWaitingForMore { count });
        }
    }

    /// Begins nothing more and gives up longruns; scripts are asked to end if that is what the options say.
    fn interrupt(&mut self) {
        self.report(&Report::Interrupted);
        self.plan.stop();
        self.is_interrupted = true;
        self.reminder.progress(self.effects.now());
        let (queue, is_dry_run) = (std::mem::take(&mut self.queue), self.is_dry_run());
        let longruns = self.running.keys().copied().filter(|id| is_dry_run || self.is_longrun(*id));
        for id in queue.into_iter().chain(longruns).collect::<Vec<_>>() {
            self.fail(id, Failure::Interrupted);
        }
        if self.options.on_interrupt == OnInterrupt::Abandon {
            self.running.keys().for_each(|id| self.effects.terminate(*id));
        }
    }
}

#[cfg(test)]
mod tests;
