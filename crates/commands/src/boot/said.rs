//! Pure: what there is to say of a start, in any form.

use super::start::{Part, Sort, Start};
use crate::status::Snapshot;
use crate::status::word::{ended, note, standing};
use overlay::legacy::idle::OWN;

/// How many of the slowest are named.
const SLOWEST: usize = 3;

/// One of the overlay's own services is shown if it took more than this part of the start.
const OWN_PART: u64 = 50;

/// Microseconds of a day.
const DAY: u64 = 86_400_000_000;

/// A time in a few columns, to be compared with others: `0.4 ms`, `980 ms`, `4.10 s`, `130 s`; its blank ends no line.
#[must_use]
pub fn time(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{}\u{a0}ms", micros / 1000, micros % 1000 / 100),
        10_000..1_000_000 => format!("{}\u{a0}ms", micros / 1000),
        1_000_000..100_000_000 => format!("{}.{:02}\u{a0}s", micros / 1_000_000, micros % 1_000_000 / 10_000),
        100_000_000..DAY => format!("{}\u{a0}s", micros / 1_000_000),
        DAY.. => ">\u{a0}1\u{a0}d".to_owned(),
    }
}

/// A line: a part, and what there is to say of it.
#[derive(Debug)]
pub struct Line<'a> {
    /// The part.
    pub part: &'a Part,
    /// Whether it has failed, or was given up.
    pub has_failed: bool,
    /// What there is to say of it; if it hasn't begun, what it waits for.
    pub words: String,
}

impl Line<'_> {
    /// The sign before it: `!` if it has failed, `*` if the start took as long as it did because of this part.
    #[must_use]
    pub fn mark(&self) -> Option<char> {
        if self.has_failed { Some('!') } else { self.part.is_critical.then_some('*') }
    }

    /// What it is called in a line.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.part.sort {
            Sort::Script => self.part.name.rsplit('/').next().unwrap_or_default(),
            _ => &self.part.name,
        }
    }
}

/// What is said of a start that isn't all in the record.
pub const CUT: &str =
    "newer events have taken the place of some of this start in the record: parts may be missing here";

/// What the start has taken, in a sentence.
#[must_use]
pub fn headline(start: &Start) -> String {
    let took = time(start.took);
    let what = match start.code {
        Some(0) => format!("the start took {took}"),
        Some(code) => format!("the start has failed with code {code} after {took}"),
        None => format!("the start isn't over after {took}"),
    };
    match start.critical() {
        0 => what,
        critical => format!("{what}, {} of it on the critical path", time(critical)),
    }
}

/// What has taken longest, and what the start would have been without that; nothing if nothing has taken any time.
#[must_use]
pub fn slowest(start: &Start) -> String {
    let mut text = String::new();
    for part in start.slowest(SLOWEST).into_iter().filter_map(|at| start.part(at)) {
        text.extend([if text.is_empty() { "slowest: " } else { ", " }, &part.name, " ", &time(part.took)]);
    }
    if let Some((part, took)) = start.without() {
        text.extend(["; without ", &part.name, " the start would have taken ", &time(took)]);
    }
    text
}

/// The lines: what has begun, in that order, and what it never came to.
#[must_use]
pub fn lines<'a>(start: &'a Start, all: &Snapshot) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for part in start.order.iter().filter_map(|at| start.part(*at)) {
        let has_failed = part.has_failed() || (start.code.is_some() && part.over.is_none());
        let is_own = OWN.iter().any(|own| own == &part.name.as_bytes());
        if has_failed || !is_own || part.took.saturating_mul(OWN_PART) > start.took {
            lines.push(Line { part, has_failed, words: words(start, part) });
        }
    }
    for (service, part) in all.services.iter().zip(&start.parts) {
        let standing = standing(all, service);
        if part.began.is_none() && service.in_boot && !service.is_own() && !standing.waits_for.is_empty() {
            let note = note(all, service, &standing);
            let words = if note.starts_with("for ") { "waits ".to_owned() + &note } else { note };
            lines.push(Line { part, has_failed: start.code.is_some(), words });
        }
    }
    lines
}

/// What there is to say at the end of a line.
fn words(start: &Start, part: &Part) -> String {
    match (part.wstat, part.over, part.ends) {
        (Some(0), ..) | (None, Some(_), 0) if part.has_readiness => "ready".to_owned(),
        (Some(0), ..) if part.sort == Sort::Script => "cont-init.d".to_owned(),
        (Some(0), ..) | (None, Some(_), 0) => String::new(),
        (Some(wstat), ..) => ended(wstat),
        (None, _, 1) => "ended once".to_owned(),
        (None, _, 2..) => format!("ended {} times", part.ends),
        (None, None, 0) if part.sort == Sort::Longrun && part.ran.is_some() => "not ready".to_owned(),
        (None, None, 0) if start.code.is_none() => "goes on".to_owned(),
        (None, None, 0) => "not over".to_owned(),
    }
}

/// The time from a number at a scale to the next one: the first 1, 2 or 5 of a power of ten that has room; `None` if none has.
#[must_use]
pub fn step(took: u64, has_room: &dyn Fn(u64) -> bool) -> Option<u64> {
    let mut power = 100_u64;
    while power < took {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if has_room(step) {
                return Some(step);
            }
        }
        power = power.saturating_mul(10);
    }
    None
}
