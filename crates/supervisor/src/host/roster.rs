//! The services of a host, found by number, by directory, by process, or by deadline.

use super::pipes::Pipe;
use crate::service::Service;
use crate::system::Identity;
use std::collections::TryReserveError;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tool::clock::Moment;
use tool::sorted::{Map, Set};

/// The place of a service in a pair of a service and its logger, with the partner's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    None,
    /// It writes to that logger.
    Producer(usize),
    /// It reads from that service.
    Logger(usize),
    /// A logger whose producer is gone.
    Widowed,
}

impl Pair {
    pub(super) fn is_logger(self) -> bool {
        matches!(self, Self::Logger(_) | Self::Widowed)
    }
}

/// One service of the scan directory.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its name under the scan directory: `NAME` or `NAME/log`.
    pub(super) name: Vec<u8>,
    pub(super) identity: Identity,
    /// The last scan saw it: it is supervised again when its supervision ends.
    pub(super) active: bool,
    pub(super) pair: Pair,
    /// Its end of the logger's pipe.
    pub(super) log_pipe: Option<Rc<OwnedFd>>,
    /// The pipes that its files name as its input and its output.
    pub(super) named_input: Option<Rc<Pipe>>,
    pub(super) named_output: Option<Rc<Pipe>>,
    /// Supervision in this process; `None` until it begins.
    pub(super) service: Option<Service>,
    /// The process that supervises it, where processes do.
    pub(super) supervisor: Option<u32>,
    /// Another supervisor process is to take over what the last one has left.
    pub(super) resumes: bool,
    /// Its directory, for the supervisor processes.
    pub(super) dir: Option<OwnedFd>,
    /// The number of a start, and the notification pipe that the supervisor process reads.
    pub(super) kept: Option<(u32, OwnedFd)>,
    /// A write end of its control FIFO: what a supervisor process that is killed hasn't read waits for the next one.  It is no
    /// reader, so that nobody takes the service for supervised.
    pub(super) control: Option<OwnedFd>,
    /// When supervision last began.
    pub(super) begun: Moment,
    /// When supervision is to begin again.
    pub(super) begin_at: Option<Moment>,
    /// How many times in a row supervision could not begin.
    pub(super) failures: u32,
    // The entries of the host's tables about it.
    pub(super) timer: Option<Moment>,
    pub(super) pid: Option<u32>,
    pub(super) notification: Option<i32>,
}

impl Slot {
    pub(super) fn new(name: &[u8], identity: Identity, now: Moment) -> Self {
        Self {
            name: name.to_vec(),
            identity,
            active: true,
            pair: Pair::None,
            log_pipe: None,
            named_input: None,
            named_output: None,
            service: None,
            supervisor: None,
            resumes: false,
            dir: None,
            kept: None,
            control: None,
            begun: now,
            begin_at: None,
            failures: 0,
            timer: None,
            pid: None,
            notification: None,
        }
    }

    /// Whether it is supervised.
    pub(super) fn is_live(&self) -> bool {
        self.service.is_some() || self.supervisor.is_some()
    }

    /// Whether it is supervised, or about to be taken over.
    pub(super) fn is_held(&self) -> bool {
        self.is_live() || self.resumes
    }

    fn due(&self) -> Option<Moment> {
        match &self.service {
            Some(service) => service.deadline(),
            None if self.supervisor.is_some() => None,
            None => self.begin_at,
        }
    }
}

/// All services.
#[derive(Debug, Default)]
pub(super) struct Roster {
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    by_identity: Map<Identity, usize>,
    by_pid: Map<u32, usize>,
    timers: Set<(Moment, usize)>,
    /// The numbers of services that may have changed.
    touched: Vec<usize>,
    /// Services that were removed, whose descriptors the journal may still name.
    removed: Vec<Slot>,
}

impl Roster {
    pub(super) fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    /// One more than the highest number of a service.
    pub(super) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn get(&self, number: usize) -> Option<&Slot> {
        self.slots.get(number)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Slot> {
        if self.touched.last() != Some(&number) {
            self.touched.push(number);
        }
        self.slots.get_mut(number)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.touched.extend(0..self.slots.len());
        self.slots.iter_mut().flatten()
    }

    pub(super) fn find(&self, identity: Identity) -> Option<usize> {
        self.by_identity.get(&identity).copied()
    }

    pub(super) fn of_pid(&self, pid: u32) -> Option<usize> {
        self.by_pid.get(&pid).copied()
    }

    /// Allocates what so many more services take in the tables.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn make_room(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.slots.try_reserve(more)?;
        self.free.try_reserve(more)?;
        self.touched.try_reserve(more)?;
        self.by_identity.try_reserve(more)?;
        self.by_pid.try_reserve(more)
    }

    pub(super) fn add(&mut self, slot: Slot) -> usize {
        let identity = slot.identity;
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.slots.push(None);
                self.slots.len().saturating_sub(1)
            }
        };
        if let Some(place) = self.slots.get_mut(number) {
            *place = Some(slot);
        }
        self.by_identity.set(identity, number);
        self.touched.push(number);
        number
    }

    /// Puts a service, or none, at the next number.
    pub(super) fn put(&mut self, number: usize, slot: Option<Slot>) {
        match &slot {
            Some(slot) => drop(self.by_identity.set(slot.identity, number)),
            None => self.free.push(number),
        }
        self.slots.push(slot);
        self.touched.push(number);
    }

    /// The numbers of the services that may have changed since the last call.
    pub(super) fn take_touched(&mut self) -> Vec<usize> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Takes back the list that [`Roster::take_touched`] gave, for the next one.
    pub(super) fn reuse(&mut self, mut touched: Vec<usize>) {
        if self.touched.is_empty() {
            touched.clear();
            self.touched = touched;
        }
    }

    /// Removes a service, whose descriptors [`Roster::bury`] closes.
    pub(super) fn remove(&mut self, number: usize) {
        let Some(slot) = self.slots.get_mut(number).and_then(Option::take) else { return };
        self.free.push(number);
        self.touched.push(number);
        self.by_identity.remove(&slot.identity);
        if let Some(pid) = slot.pid {
            self.by_pid.remove(&pid);
        }
        if let Some(timer) = slot.timer {
            self.timers.remove(&(timer, number));
        }
        match slot.pair {
            Pair::Producer(logger) => {
                if let Some(logger) = self.get_mut(logger) {
                    logger.pair = Pair::Widowed;
                }
            }
            Pair::Logger(producer) => {
                if let Some(producer) = self.get_mut(producer) {
                    producer.pair = Pair::None;
                }
            }
            Pair::None | Pair::Widowed => {}
        }
        self.removed.push(slot);
    }

    /// Closes the descriptors of services that were removed.
    pub(super) fn bury(&mut self) {
        self.removed.clear();
    }

    /// Brings the tables up to date with a service's process and deadline.
    pub(super) fn index(&mut self, number: usize) {
        let Some(slot) = self.slots.get_mut(number).and_then(Option::as_mut) else { return };
        let pid = slot.service.as_ref().and_then(|s| s.machine().pid()).or(slot.supervisor);
        if pid != slot.pid {
            if let Some(old) = std::mem::replace(&mut slot.pid, pid) {
                self.by_pid.remove(&old);
            }
            if let Some(pid) = pid {
                self.by_pid.set(pid, number);
            }
        }
        let due = slot.due();
        if due != slot.timer {
            if let Some(old) = std::mem::replace(&mut slot.timer, due) {
                self.timers.remove(&(old, number));
            }
            if let Some(due) = due {
                self.timers.insert((due, number));
            }
        }
    }

    /// The earliest deadline, and the number of its service.
    pub(super) fn next_timer(&self) -> Option<(Moment, usize)> {
        self.timers.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_directory_and_deadline() {
        let mut roster = Roster::default();
        let now = Moment::ZERO;
        let a = roster.add(Slot::new(b"a", (1, 1), now));
        let log = roster.add(Slot::new(b"a/log", (1, 2), now));
        roster.get_mut(a).unwrap().pair = Pair::Producer(log);
        roster.get_mut(log).unwrap().pair = Pair::Logger(a);
        for (number, due) in [(a, 7), (log, 5)] {
            roster.get_mut(number).unwrap().begin_at = Some(Moment::from_secs(due));
            roster.index(number);
        }
        assert_eq!((roster.find((1, 2)), roster.len()), (Some(log), 2));
        assert_eq!(roster.next_timer(), Some((Moment::from_secs(5), log)));
        roster.remove(a);
        assert_eq!((roster.find((1, 1)), roster.len()), (None, 1));
        assert_eq!(roster.get(log).unwrap().pair, Pair::Widowed);
        assert_eq!(roster.add(Slot::new(b"b", (1, 3), now)), a);
    }
}
