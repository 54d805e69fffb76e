//! Pure: from what has happened and what needs what, to what each part of a start has taken.
//!
//! The parts are the services that have begun meanwhile, the scripts of cont-init.d, the stage 2 hook, and what comes before the
//! first service.  What is needed is over before its dependent begins.  So the start has waited for the part that was over last,
//! that one for what was over last of what it needs, and so on: the critical path.

use crate::status::{Kind, LEGACY_SERVICES, Service, Snapshot};
use std::time::Duration;
use supervision::board::Record;
use tool::diag::show;
use wire::board::{Flags, Header};
use wire::record::{Event, Kind as Happened};

/// The overlay's service that runs the scripts of cont-init.d.
const CONT_INIT: &[u8] = b"legacy-cont-init";

/// What comes before the first service, without the stage 2 hook: most of it is the compilation of the definitions.
const COMPILE: &str = "(compile)";

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A daemon.
    Longrun,
    /// The scripts of a service.
    Oneshot,
    /// A script of cont-init.d.
    Script,
    /// Something before the first service.
    Step,
}

/// A part of a start.  Its moments count from the beginning of the container.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// What it is called.
    pub(super) name: String,
    pub(super) sort: Sort,
    /// What it needs: places among the parts.
    pub(super) needs: Vec<usize>,
    /// When it began.
    pub(super) began: Option<Duration>,
    /// When the daemon's process began.
    pub(super) ran: Option<Duration>,
    /// When it was over: up, ready where it declares that, carried out.
    pub(super) over: Option<Duration>,
    /// How its script has ended, as wait(2) gives it.
    pub(super) wstat: Option<u16>,
    /// How often the daemon has ended.
    pub(super) ends: u32,
    /// Whether it declares its readiness.
    pub(super) has_readiness: bool,
    /// Whether the start has waited for it.
    pub(super) is_critical: bool,
}

/// A start.
#[derive(Debug)]
pub(super) struct Start {
    /// When the container began.
    pub(super) begun: Duration,
    /// How long the start has taken; so far, if it isn't over.
    pub(super) took: Duration,
    /// How the start has ended: the exit code of what starts the services.
    pub(super) code: Option<u16>,
    /// When s6-rc began with the services.
    pub(super) changed: Option<Duration>,
    /// Whether events of it were overwritten.
    pub(super) is_cut: bool,
    /// The services are at the places that they have in the snapshot.
    pub(super) parts: Vec<Part>,
}

impl Part {
    fn new(name: String, sort: Sort) -> Self {
        Self {
            name,
            sort,
            needs: Vec::new(),
            began: None,
            ran: None,
            over: None,
            wstat: None,
            ends: 0,
            has_readiness: false,
            is_critical: false,
        }
    }

    fn of(service: &Service) -> Self {
        let sort = if service.kind == Kind::Longrun { Sort::Longrun } else { Sort::Oneshot };
        Self {
            needs: service.needs.clone(),
            has_readiness: service.row.as_ref().is_some_and(|row| row.flags.has(Flags::READINESS)),
            ..Self::new(show(&service.name), sort)
        }
    }

    /// Follows an event of this part.
    fn take(&mut self, event: &Event, at: Duration) {
        match event.kind {
            Happened::Started => {
                self.ran.get_or_insert(at);
                if !self.has_readiness {
                    self.over.get_or_insert(at);
                }
            }
            // The flag isn't known without a board.
            Happened::Ready if self.over.is_none() || self.over == self.ran => {
                (self.over, self.has_readiness) = (Some(at), true);
            }
            Happened::Ended => self.ends = self.ends.saturating_add(1),
            Happened::OneshotEnded | Happened::ScriptEnded => {
                (self.over, self.wstat) = (Some(at), Some(event.code));
            }
            Happened::StepOver => (self.over, self.wstat) = (Some(at), Some(event.code << 8)),
            _ => {}
        }
        self.began.get_or_insert(at);
    }

    /// Whether its script has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.wstat.is_some_and(|wstat| wstat != 0)
    }

    /// What the board knows of a daemon that was started once.
    fn fill(&mut self, service: &Service, begun: Duration, took: Duration) {
        let since = |at: Duration| at.checked_sub(begun).filter(|at| *at <= took);
        let Some(row) = service.row.as_ref().filter(|row| row.starts == 1 && self.began.is_none()) else {
            return;
        };
        self.ran = row.started.and_then(since);
        self.began = self.ran;
        self.over = if self.has_readiness { row.ready.and_then(since) } else { self.ran };
    }
}

impl Start {
    /// The start of a container; `None` if it isn't known when that was.
    pub(super) fn of(all: &Snapshot, record: &Record) -> Option<Self> {
        let at_first = |kind| {
            record
                .events
                .iter()
                .find(|(.., event)| event.kind == kind)
                .map(|(.., event)| (event.at, event.code))
        };
        let header = all.header.as_ref();
        let begun =
            header.and_then(|header| header.begun).or(at_first(Happened::BootBegan).map(|(at, _)| at))?;
        let known = header.and_then(|header| Some((header.started?, header.boot_code)));
        let end = known.or(at_first(Happened::BootOver));
        let stop = header.and_then(|header: &Header| header.stop_asked);
        let until = end.map(|(at, _)| at).or(stop).unwrap_or(all.now.0);
        let mut start = Self {
            begun,
            took: until.saturating_sub(begun),
            code: end.map(|(_, code)| code),
            changed: None,
            is_cut: record.is_cut_since(begun),
            parts: all.services.iter().map(Part::of).collect(),
        };
        for (.., event) in record.events.iter().filter(|(.., event)| event.at >= begun && event.at <= until) {
            start.take(all, event);
        }
        for (part, service) in start.parts.iter_mut().zip(&all.services) {
            part.fill(service, begun, start.took);
        }
        start.complete(all);
        Some(start)
    }

    /// Follows an event.
    fn take(&mut self, all: &Snapshot, event: &Event) {
        let at = event.at.saturating_sub(self.begun);
        let name = || show(&event.name.bytes) + if event.name.is_whole() { "" } else { "…" };
        let is_up = event.how == 1;
        let part = match event.kind {
            Happened::ChangeBegan if is_up => {
                self.changed.get_or_insert(at);
                return;
            }
            Happened::StepBegan => self.add(format!("({})", name()), Sort::Step),
            Happened::ScriptBegan if is_up => self.add(format!("cont-init.d/{}", name()), Sort::Script),
            Happened::StepOver => self.last(Sort::Step),
            Happened::ScriptEnded if is_up => self.last(Sort::Script),
            Happened::OneshotBegan | Happened::OneshotEnded if !is_up => return,
            Happened::OneshotBegan
            | Happened::OneshotEnded
            | Happened::WantedUp
            | Happened::Started
            | Happened::Ready
            | Happened::Ended => {
                // A cheap look before the sum of a name.
                let is_it = |service: &Service| {
                    service.name.starts_with(&event.name.bytes) && event.name.is(&service.name)
                };
                let place = all.services.iter().position(is_it);
                place.and_then(|place| self.parts.get_mut(place))
            }
            _ => return,
        };
        if let Some(part) = part {
            part.take(event, at);
        }
    }

    fn add(&mut self, name: String, sort: Sort) -> Option<&mut Part> {
        self.parts.push(Part::new(name, sort));
        self.parts.last_mut()
    }

    /// The last part of a sort: of these, one begins after the other.
    fn last(&mut self, sort: Sort) -> Option<&mut Part> {
        self.parts.iter_mut().rev().find(|part| part.sort == sort)
    }

    /// Adds what follows from all events.
    fn complete(&mut self, all: &Snapshot) {
        let place = |name: &[u8]| all.services.iter().position(|service| service.name == name);
        if let Some(cont_init) = place(CONT_INIT) {
            let scripts =
                (0..self.parts.len()).filter(|at| self.part(*at).is_some_and(|p| p.sort == Sort::Script));
            self.put_before(cont_init, &scripts.collect::<Vec<_>>(), true);
        }
        if let Some(legacy) = place(LEGACY_SERVICES) {
            let others =
                (0..).zip(&all.services).filter(|(_, service)| service.up.is_none()).map(|(at, _)| at);
            self.put_before(legacy, &others.collect::<Vec<_>>(), false);
        }
        let hook = self.last(Sort::Step).and_then(|step| step.over);
        // It goes on, or it was overwritten.
        let changed = self.changed.or((self.code.is_none() && !self.is_cut).then_some(self.took));
        if let Some(changed) = changed
            && let Some(step) = self.add(COMPILE.to_owned(), Sort::Step)
        {
            (step.began, step.over) = (hook.or(Some(Duration::ZERO)), Some(changed));
        }
        let needs: Vec<_> = (0..self.parts.len()).map(|at| self.begun_before(at)).collect();
        self.parts.iter_mut().zip(needs).for_each(|(part, needs)| part.needs = needs);
        self.mark_critical();
    }

    /// Takes parts out of what a service does: they need what it needs, one after the other if they are `in_order`, and it needs
    /// them.
    fn put_before(&mut self, service: usize, parts: &[usize], in_order: bool) {
        let mut needs = self.part(service).map(|part| part.needs.clone()).unwrap_or_default();
        let mut own = needs.clone();
        let mut last = None;
        for at in parts {
            let Some(part) = self.parts.get_mut(*at).filter(|part| part.began.is_some()) else { continue };
            part.needs.clone_from(&needs);
            if in_order {
                (needs, own) = (vec![*at], vec![*at]);
            } else {
                own.push(*at);
            }
            last = last.max(part.over);
        }
        if let Some(part) = self.parts.get_mut(service) {
            part.began =
                part.began.map(|began| last.unwrap_or_default().max(began).min(part.over.unwrap_or(began)));
            part.needs = own;
        }
    }

    pub(super) fn part(&self, at: usize) -> Option<&Part> {
        self.parts.get(at)
    }

    /// What a part needs that has begun: what those need that had nothing to do stands for them.
    fn begun_before(&self, at: usize) -> Vec<usize> {
        let mut seen = vec![false; self.parts.len()];
        let mut left = self.part(at).map(|part| part.needs.clone()).unwrap_or_default();
        let mut found = Vec::new();
        while let Some(at) = left.pop() {
            let is_new = seen.get_mut(at).is_some_and(|seen| !std::mem::replace(seen, true));
            match self.part(at).filter(|_| is_new) {
                Some(part) if part.began.is_some() => found.push(at),
                Some(part) => left.extend(&part.needs),
                None => {}
            }
        }
        found
    }

    /// When a part was over, or the start if it wasn't; `None` if it hasn't begun.
    pub(super) fn over(&self, part: &Part) -> Option<Duration> {
        part.began.map(|_| part.over.unwrap_or(self.took))
    }

    /// How long a part has taken.
    pub(super) fn took(&self, part: &Part) -> Duration {
        self.over(part).zip(part.began).map_or(Duration::ZERO, |(over, began)| over.saturating_sub(began))
    }

    /// The one of these parts that was over last.
    fn latest(&self, places: impl Iterator<Item = usize>) -> Option<usize> {
        places.filter_map(|at| Some((self.over(self.part(at)?)?, at))).max().map(|(_, at)| at)
    }

    fn mark_critical(&mut self) {
        let is_step = |at: &usize| self.part(*at).is_some_and(|part| part.sort == Sort::Step);
        let mut next = self.latest((0..self.parts.len()).filter(|at| !is_step(at)));
        while let Some(part) = next.and_then(|at| self.parts.get_mut(at)).filter(|part| !part.is_critical) {
            part.is_critical = true;
            let needs = part.needs.clone();
            next = self.latest(needs.into_iter());
        }
        for part in &mut self.parts {
            part.is_critical |= part.sort == Sort::Step;
        }
    }

    /// How long the parts of the critical path have taken.
    pub(super) fn critical(&self) -> Duration {
        let critical = self.parts.iter().filter(|part| part.is_critical);
        critical.fold(Duration::ZERO, |sum, part| sum.saturating_add(self.took(part)))
    }

    /// The parts that have begun, in that order.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let began = |at: usize| self.part(at).and_then(|part| part.began);
        let mut order = Vec::new();
        for at in (0..self.parts.len()).filter(|at| began(*at).is_some()) {
            let after = order.iter().rposition(|before| began(*before) <= began(at));
            order.insert(after.map_or(0, |place| place.saturating_add(1)), at);
        }
        order
    }

    /// The parts that have taken longest, at most so many.
    pub(super) fn slowest(&self, count: usize) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let took = |at: usize| self.part(at).map(|part| self.took(part)).unwrap_or_default();
        while found.len() < count {
            let others = (0..self.parts.len()).filter(|at| !found.contains(at) && took(*at) > Duration::ZERO);
            let Some(next) = others.max_by_key(|at| took(*at)) else { break };
            found.push(next);
        }
        found
    }

    /// The slowest part of the critical path, and how long the start would have taken if that had taken no time; `None` if that
    /// can't be told, or would have made no difference.
    pub(super) fn without(&self) -> Option<(usize, Duration)> {
        if self.code != Some(0) || self.is_cut {
            return None;
        }
        let critical = (0..self.parts.len()).filter(|at| self.part(*at).is_some_and(|part| part.is_critical));
        let at = critical.max_by_key(|at| self.part(*at).map(|part| self.took(part)))?;
        let part = self.part(at)?;
        let saved = match part.sort {
            Sort::Step => self.took(part),
            _ => self.longest(None).saturating_sub(self.longest(Some(at))),
        };
        (saved > Duration::ZERO).then(|| (at, self.took.saturating_sub(saved)))
    }

    /// How long the longest path of parts that need each other takes, one of them left out.
    fn longest(&self, without: Option<usize>) -> Duration {
        let mut ends = vec![Duration::ZERO; self.parts.len()];
        for at in self.in_order() {
            let Some(part) = self.part(at).filter(|part| part.sort != Sort::Step) else { continue };
            let before = part.needs.iter().filter_map(|at| ends.get(*at)).max().copied().unwrap_or_default();
            let took = if Some(at) == without { Duration::ZERO } else { self.took(part) };
            ends.get_mut(at).into_iter().for_each(|end| *end = before.saturating_add(took));
        }
        ends.into_iter().max().unwrap_or_default()
    }
}
