//! Pure: from what has happened and what needs what, to what each part of a start has taken.
//!
//! The parts are the services that have begun meanwhile, the scripts of cont-init.d, the stage 2 hook, and what comes before the
//! first service.  What is needed is over before its dependent begins.  So the start has waited for the part that was over last,
//! that one for what was over last of what it needs, and so on: the critical path.

use crate::status::{Kind, Service, Snapshot};
use overlay::legacy::idle;
use std::time::Duration;
use supervision::board::Record;
use tool::diag::shown;
use wire::board::{Flags, Header};
use wire::record::{Event, Kind as Happened};

/// The overlay's service that runs the scripts of cont-init.d.
const CONT_INIT: &[u8] = b"legacy-cont-init";

/// What comes before the first service, without the stage 2 hook: most of it is the compilation of the definitions.
const COMPILE: &str = "(compile)";

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// A daemon.
    #[default]
    Longrun,
    /// The scripts of a service.
    Oneshot,
    /// A script of cont-init.d.
    Script,
    /// Something before the first service.
    Step,
}

/// A part of a start.  Its moments are microseconds since the beginning of the container.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub sort: Sort,
    /// What it needs or wants: places among the parts.
    pub needs: Vec<usize>,
    /// When it began.
    pub began: Option<u64>,
    /// When the daemon's process began.
    pub ran: Option<u64>,
    /// When it was over: up, ready where it declares that, carried out.
    pub over: Option<u64>,
    /// How long it has taken; so far, if it isn't over.
    pub took: u64,
    /// How its script has ended, as wait(2) gives it.
    pub wstat: Option<u16>,
    /// How often the daemon has ended.
    pub ends: u32,
    /// Whether it declares its readiness.
    pub has_readiness: bool,
    /// Whether the start has waited for it.
    pub is_critical: bool,
}

/// A start.
#[derive(Debug)]
pub struct Start {
    /// When the container began.
    pub begun: Duration,
    /// How many microseconds the start has taken; so far, if it isn't over.
    pub took: u64,
    /// How the start has ended: the exit code of what starts the services.
    pub code: Option<u16>,
    /// When s6-rc began with the services.
    pub changed: Option<u64>,
    /// Whether events of it were overwritten.
    pub is_cut: bool,
    /// The services are at the places that they have in the snapshot.
    pub parts: Vec<Part>,
    /// The places of those that have begun, in that order.
    pub order: Vec<usize>,
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl Part {
    fn of(service: &Service) -> Self {
        Self {
            name: shown(&service.name),
            sort: if service.kind == Kind::Longrun { Sort::Longrun } else { Sort::Oneshot },
            needs: service.needs.iter().chain(&service.wants).copied().collect(),
            has_readiness: service.row.as_ref().is_some_and(|row| row.flags.has(Flags::READINESS)),
            ..Self::default()
        }
    }

    /// Follows an event of this part.
    fn take(&mut self, event: &Event, at: u64) {
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

    /// When it was over, or until when it goes on.
    pub fn end(&self) -> u64 {
        self.began.unwrap_or_default().saturating_add(self.took)
    }

    /// Whether its script has failed.
    pub fn has_failed(&self) -> bool {
        self.wstat.is_some_and(|wstat| wstat != 0)
    }
}

impl Start {
    /// The start of a container; `None` if it isn't known when that was.
    pub fn of(all: &Snapshot, record: &Record) -> Option<Self> {
        let first = |kind| {
            let mut events = record.events.iter().map(|(.., event)| event);
            events.find(|event| event.kind == kind)
        };
        let unknown = Header { boot_code: Header::NONE, ..Header::default() };
        let header = all.header.as_ref().unwrap_or(&unknown);
        let begun = header.begun.or_else(|| Some(first(Happened::BootBegan)?.at))?;
        let over = first(Happened::BootOver);
        let end = header.started.or(over.map(|event| event.at));
        let code =
            if header.started.is_some() { Some(header.boot_code) } else { over.map(|event| event.code) };
        let until = end.or(header.stop_asked).unwrap_or(all.now.0);
        let mut start = Self {
            begun,
            took: micros(until.saturating_sub(begun)),
            code,
            changed: None,
            is_cut: record.is_cut_since(begun),
            parts: all.services.iter().map(Part::of).collect(),
            order: Vec::new(),
        };
        for (.., event) in &record.events {
            if event.at >= begun && event.at <= until {
                start.take(all, event);
            }
        }
        start.complete(all);
        Some(start)
    }

    /// Follows an event.
    fn take(&mut self, all: &Snapshot, event: &Event) {
        let at = micros(event.at.saturating_sub(self.begun));
        let of = |sort, before: &str, after: &str| {
            let cut = if event.name.is_whole() { "" } else { "…" };
            let name = [before, &shown(&event.name.bytes), cut, after].concat();
            Part { name, sort, ..Part::default() }
        };
        let is_up = event.how == 1;
        let place = match event.kind {
            Happened::ChangeBegan if is_up => {
                self.changed.get_or_insert(at);
                return;
            }
            Happened::StepBegan => {
                self.parts.push(of(Sort::Step, "(", ")"));
                self.last(Sort::Step)
            }
            Happened::ScriptBegan if is_up => {
                self.parts.push(of(Sort::Script, "cont-init.d/", ""));
                self.last(Sort::Script)
            }
            Happened::StepOver => self.last(Sort::Step),
            Happened::ScriptEnded if is_up => self.last(Sort::Script),
            Happened::OneshotBegan | Happened::OneshotEnded if !is_up => return,
            Happened::OneshotBegan
            | Happened::OneshotEnded
            | Happened::WantedUp
            | Happened::Started
            | Happened::Ready
            | Happened::Ended => all.services.iter().position(|service| {
                // A cheap look before the sum of a name.
                service.name.starts_with(&event.name.bytes) && event.name.is(&service.name)
            }),
            _ => return,
        };
        if let Some(part) = place.and_then(|place| self.parts.get_mut(place)) {
            part.take(event, at);
        }
    }

    /// The last part of a sort: of these, one begins after the other.
    fn last(&self, sort: Sort) -> Option<usize> {
        self.parts.iter().rposition(|part| part.sort == sort)
    }

    /// Adds what follows from all events.
    fn complete(&mut self, all: &Snapshot) {
        self.fill(all);
        let scripts = self.places(&|at| self.part(at).is_some_and(|part| part.sort == Sort::Script));
        self.put_before(all, CONT_INIT, &scripts);
        let others = self.places(&|at| all.services.get(at).is_some_and(|service| service.up.is_none()));
        self.put_before(all, idle::SERVICES, &others);
        // It goes on, or it was overwritten.
        let changed = self.changed.or((self.code.is_none() && !self.is_cut).then_some(self.took));
        if changed.is_some() {
            let hook = self.last(Sort::Step).and_then(|at| self.part(at)?.over);
            let began = Some(hook.unwrap_or_default());
            let (name, sort) = (COMPILE.to_owned(), Sort::Step);
            self.parts.push(Part { name, sort, began, over: changed, ..Part::default() });
        }
        for part in &mut self.parts {
            let over = part.over.unwrap_or(self.took);
            part.took = part.began.map_or(0, |began| over.saturating_sub(began));
            part.is_critical = part.sort == Sort::Step;
        }
        for at in self.places(&|_| true) {
            let needs = self.begun_before(at);
            self.parts.get_mut(at).into_iter().for_each(|part| part.needs.clone_from(&needs));
        }
        self.put_in_order();
        self.mark_critical();
    }

    /// Adds what the board knows of daemons that were started once, and that nothing is told of.
    fn fill(&mut self, all: &Snapshot) {
        for (part, service) in self.parts.iter_mut().zip(&all.services) {
            let Some(row) = service.row.as_ref().filter(|row| row.starts == 1 && part.began.is_none()) else {
                continue;
            };
            let since = |at: Option<Duration>| {
                at.and_then(|at| at.checked_sub(self.begun)).map(micros).filter(|at| *at <= self.took)
            };
            part.ran = since(row.started);
            part.began = part.ran;
            part.over = since(if part.has_readiness { row.ready } else { row.started });
        }
    }

    /// The places of some parts.
    fn places(&self, which: &dyn Fn(usize) -> bool) -> Vec<usize> {
        (0..self.parts.len()).filter(|at| which(*at)).collect()
    }

    /// Takes parts out of what a service does: they need what it needs, scripts one after the other, and it needs them.
    fn put_before(&mut self, all: &Snapshot, service: &[u8], parts: &[usize]) {
        let Some(service) = all.services.iter().position(|other| other.name == service) else { return };
        let mut needs = self.part(service).map(|part| part.needs.clone()).unwrap_or_default();
        let mut own = needs.clone();
        let mut last = 0;
        for at in parts {
            let Some(part) = self.parts.get_mut(*at).filter(|part| part.began.is_some()) else { continue };
            part.needs.clone_from(&needs);
            if part.sort == Sort::Script {
                needs = vec![*at];
            }
            own.push(*at);
            last = last.max(part.over.unwrap_or_default());
        }
        if let Some(part) = self.parts.get_mut(service) {
            let over = part.over.unwrap_or(u64::MAX);
            part.began = part.began.map(|began| began.max(last.min(over)));
            part.needs = own;
        }
    }

    /// The part at a place.
    #[must_use]
    pub fn part(&self, at: usize) -> Option<&Part> {
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

    fn put_in_order(&mut self) {
        let began = |at: usize| self.part(at).and_then(|part| part.began);
        let mut order = Vec::new();
        for at in self.places(&|at| began(at).is_some()) {
            let after = order.iter().rposition(|before| began(*before) <= began(at));
            order.insert(after.map_or(0, |place| place.saturating_add(1)), at);
        }
        self.order = order;
    }

    /// The one of these parts that has most of something.
    fn most(&self, places: &[usize], of: fn(&Part) -> u64) -> Option<usize> {
        let mut found = None;
        for at in places {
            if let Some(part) = self.part(*at)
                && found.is_none_or(|(most, _)| most <= of(part))
            {
                found = Some((of(part), *at));
            }
        }
        found.map(|(_, at)| at)
    }

    fn mark_critical(&mut self) {
        let mut places = self
            .places(&|at| self.part(at).is_some_and(|part| part.began.is_some() && part.sort != Sort::Step));
        while let Some(part) = self.most(&places, Part::end).and_then(|at| self.parts.get_mut(at)) {
            if std::mem::replace(&mut part.is_critical, true) {
                break;
            }
            places.clone_from(&part.needs);
        }
    }

    /// The parts of the critical path.
    fn critical_parts(&self) -> Vec<usize> {
        self.places(&|at| self.part(at).is_some_and(|part| part.is_critical))
    }

    /// How long the parts of the critical path have taken.
    pub fn critical(&self) -> u64 {
        let parts = self.critical_parts();
        parts.iter().filter_map(|at| self.part(*at)).fold(0, |sum, part| sum.saturating_add(part.took))
    }

    /// The parts that have taken longest, at most so many.
    pub fn slowest(&self, count: usize) -> Vec<usize> {
        let mut left = self.order.clone();
        let mut found = Vec::new();
        while found.len() < count
            && let Some(next) = self.most(&left, |part| part.took)
            && self.part(next).is_some_and(|part| part.took > 0)
        {
            left.retain(|at| *at != next);
            found.push(next);
        }
        found
    }

    /// The slowest part of the critical path, and how long the start would have taken if that had taken no time; `None` if that
    /// can't be told, or would have made no difference.
    pub fn without(&self) -> Option<(&Part, u64)> {
        let at = self.most(&self.critical_parts(), |part| part.took)?;
        let part = self.part(at).filter(|_| self.code == Some(0) && !self.is_cut)?;
        let saved = match part.sort {
            Sort::Step => part.took,
            _ => self.longest(None).saturating_sub(self.longest(Some(at))),
        };
        (saved > 0).then(|| (part, self.took.saturating_sub(saved)))
    }

    /// How long the longest path of parts that need each other takes, one of them left out.
    fn longest(&self, without: Option<usize>) -> u64 {
        let mut ends = vec![0; self.parts.len()];
        let mut longest = 0;
        for at in &self.order {
            let Some(part) = self.part(*at).filter(|part| part.sort != Sort::Step) else { continue };
            let mut end = 0;
            for need in &part.needs {
                end = ends.get(*need).copied().unwrap_or_default().max(end);
            }
            if Some(*at) != without {
                end = part.took.saturating_add(end);
            }
            ends.get_mut(*at).into_iter().for_each(|place| *place = end);
            longest = longest.max(end);
        }
        longest
    }
}
