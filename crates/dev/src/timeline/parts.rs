//! A start, and what its pictures have in common.

use crate::container::ends;
use commands::boot::said::{CUT, Line, lines};
use commands::boot::start::{Sort, Start};
use commands::status::Snapshot;
use supervision::board::Record;

/// A start, with what its pictures need.
#[derive(Debug)]
pub struct Timeline<'a> {
    pub(super) all: &'a Snapshot,
    pub(super) start: Start,
    /// When the daemon of each part ended, in microseconds; the parts that are services are the first ones.
    ends: Vec<Vec<u64>>,
}

impl<'a> Timeline<'a> {
    /// The start of a container; `None` if its record doesn't tell when that was.
    #[must_use]
    pub fn of(all: &'a Snapshot, record: &Record) -> Option<Self> {
        let mut start = Start::of(all, record)?;
        if all.services.iter().all(|service| service.needs.is_empty()) && all.services.len() > 1 {
            // What has waited for what isn't known.
            start.parts.iter_mut().for_each(|part| part.is_critical = false);
        }
        let ends = ends(all, record, start.begun, start.took);
        Some(Self { all, start, ends })
    }

    /// What has begun, in that order, and what it never came to.
    pub(super) fn lines(&self) -> Vec<Line<'_>> {
        lines(&self.start, self.all)
    }

    /// What is missing here.
    pub(super) fn remarks(&self) -> Vec<String> {
        let cut = self.start.is_cut.then(|| CUT.to_owned());
        cut.into_iter().chain(self.all.remarks.iter().cloned()).collect()
    }

    /// When the daemon of a part ended.
    pub(super) fn ends_of(&self, line: &Line<'_>) -> &[u64] {
        let at = self.start.parts.iter().position(|part| std::ptr::eq(part, line.part));
        at.and_then(|at| self.ends.get(at)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The word for what a part is.
pub(super) fn kind(sort: Sort) -> &'static str {
    match sort {
        Sort::Longrun => "longrun",
        Sort::Oneshot => "oneshot",
        Sort::Script => "script",
        Sort::Step => "step",
    }
}

/// Words with blanks that end lines.
pub(super) fn plain(text: &str) -> String {
    text.replace('\u{a0}', " ")
}
