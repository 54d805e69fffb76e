//! Tells everybody what happens to a service: writes its row on the status board, and its events into the record.

use super::Service;
use super::machine::Event;
use super::shown::{Before, Facts, event};
use crate::board::EVENTS_MAX;
use crate::launch::Launch;
use tool::clock::Moment;
use wire::board::State;
use wire::record::{self, Kind, Name};

impl Service {
    /// The state before an event; `None` if nothing is written anyway.
    pub(super) fn before(&self, event: Event, launch: &Launch) -> Option<Before> {
        launch.board.is_any().then(|| Before {
            saved: self.machine.save(),
            is_wanted: matches!(event, Event::Ended(how) if self.machine.is_end_wanted(how)),
            is_supervised: self.hold.is_some(),
            at: launch.system.now(),
        })
    }

    /// Writes what an event has changed.
    pub(super) fn tell(&mut self, by: Event, before: Option<Before>, launch: &Launch) {
        let Some(Before { saved, is_wanted, is_supervised, at }) = before else { return };
        let facts = Facts { is_wanted, cause: self.cause, at };
        let mut events = self.shown.follow(by, &saved, &self.machine.save(), facts);
        if is_supervised && self.hold.is_none() {
            self.shown.enter(State::Unsupervised, at);
            events.truncate(EVENTS_MAX - 1);
            events.push(event(Kind::Unsupervised, 0, 0, None));
        }
        self.record(&mut events, at, launch);
        self.show(launch);
    }

    /// Records that the service is supervised from now on.
    pub(super) fn tell_of_supervision(&mut self, launch: &Launch) {
        self.record(&mut [event(Kind::Supervised, 0, 0, None)], launch.system.now(), launch);
    }

    fn record(&self, events: &mut [record::Event], at: Moment, launch: &Launch) {
        if launch.board.has_record() {
            for event in &mut *events {
                event.at = at;
                event.name = Name::new(&self.name);
            }
            launch.record(None, events);
        }
    }

    /// Writes the row, if it has changed.
    fn show(&mut self, launch: &Launch) {
        let Some(number) = launch.journal.current() else { return };
        let given = launch.given | self.stdio.flags();
        let mut row = self.shown.row.clone();
        row.name.clone_from(&self.name);
        row.flags.0 |= given;
        row.supervisor = launch.board.pid();
        launch.board.show(launch.system, number, &row, &mut self.shown.written);
    }

    /// Goes on with what a former host, or a supervisor before this one, has shown, and writes it again.
    pub(crate) fn show_again(&mut self, launch: &Launch) {
        if !launch.board.is_any() {
            return;
        }
        if let Some(number) = launch.journal.current()
            && let Some(row) = launch.board.shown(launch.system, number, &self.name)
        {
            self.shown.row = row;
        }
        self.shown.settle(&self.machine.save(), false, launch.system.now());
        self.show(launch);
    }
}
