//! The planner: which transition may begin now.
//!
//! It knows the graph, which services are up and which ones were selected, and is told how each transition ended; it
//! never looks at a process, a file or a clock.  The rules:
//!
//! - Upwards, a service begins when all its dependencies are up; downwards, when all its dependents are down.
//! - Whatever may begin is returned at once; independent services never wait for each other.
//! - A failure holds back only the services that need the failed one, directly or indirectly.
//! - What a service wants, it waits for only if that is under way, too: until its transition has ended, whichever way, or
//!   can't begin any more.
//! - A service that is already where it should be costs nothing.
//! - Downwards, an essential service stays up unless force is used, and so does what it needs.

use crate::database::{Database, Id};
use crate::direction::Direction;
use std::collections::VecDeque;

/// What to do about a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Begin its transition, and tell [`Plan::finished`] how it ended.
    Begin(Id),
    /// Nothing: it is there already.
    Already(Id),
    /// Nothing: it is essential and stays up.
    Essential(Id),
}

/// One change in one direction.
#[derive(Debug)]
pub struct Plan<'a> {
    database: &'a Database,
    direction: Direction,
    force: bool,
    up: Vec<bool>,
    selected: Vec<bool>,
    /// How many neighbours each service still waits for.
    waiting: Vec<u32>,
    /// The services that won't get where they should be.
    stuck: Vec<bool>,
    steps: VecDeque<Step>,
    stopped: bool,
}

impl<'a> Plan<'a> {
    /// A plan to bring `selected` services, a selection that is closed in this direction, where they should be.
    #[must_use]
    pub fn new(
        database: &'a Database,
        direction: Direction,
        up: Vec<bool>,
        selected: Vec<bool>,
        force: bool,
    ) -> Self {
        let mut plan = Self {
            database,
            direction,
            force,
            up,
            selected,
            waiting: Vec::new(),
            stuck: vec![false; database.len()],
            steps: VecDeque::new(),
            stopped: false,
        };
        for (id, service) in (0..).zip(database.services()) {
            let (needed, wanted) = match direction {
                Direction::Up => (&service.dependencies, &service.wants),
                Direction::Down => (&service.dependents, &service.wanted_by),
            };
            let is_pair = |other: &&Id| plan.is_under_way(id) && plan.is_under_way(**other);
            let count = needed.len() + wanted.iter().filter(is_pair).count();
            plan.waiting.push(u32::try_from(count).unwrap_or(u32::MAX));
        }
        let ids = 0..Id::try_from(database.len()).unwrap_or(Id::MAX);
        let free: Vec<Id> = ids.filter(|id| plan.waiting.get(*id as usize) == Some(&0)).collect();
        plan.examine(free);
        plan
    }

    /// A plan that does nothing.
    pub(crate) fn empty(database: &'a Database) -> Self {
        Self::new(database, Direction::Up, Vec::new(), Vec::new(), false)
    }

    fn is(&self, list: &[bool], id: Id) -> bool {
        list.get(id as usize).copied().unwrap_or(false)
    }

    /// Whether it has to go where it isn't yet.
    fn is_under_way(&self, id: Id) -> bool {
        self.is(&self.selected, id) && self.is(&self.up, id) != (self.direction == Direction::Up)
    }

    /// Decides about services that wait for nothing any more, and about those that can begin as a result.
    fn examine(&mut self, mut free: Vec<Id>) {
        // Services are taken from the end; reversed, they keep the order of the numbers.
        free.reverse();
        while let Some(id) = free.pop() {
            if !self.is(&self.selected, id) {
                continue;
            }
            let up = self.direction == Direction::Up;
            let essential = self.database.service(id).is_some_and(crate::database::Service::is_essential);
            if self.is(&self.up, id) == up {
                self.steps.push_back(Step::Already(id));
                self.release(id, true, &mut free);
            } else if !up && essential && !self.force {
                self.steps.push_back(Step::Essential(id));
                self.give_up(id, &mut free);
            } else {
                self.steps.push_back(Step::Begin(id));
            }
        }
    }

    /// Takes a service off what others wait for: those that need it, or those that only want it.  What now waits for nothing
    /// else is put onto `free`, in reverse order.
    fn release(&mut self, id: Id, needed: bool, free: &mut Vec<Id>) {
        let Some(service) = self.database.service(id) else { return };
        let next = match (self.direction, needed) {
            (Direction::Up, true) => &service.dependents,
            (Direction::Up, false) => &service.wanted_by,
            (Direction::Down, true) => &service.dependencies,
            (Direction::Down, false) => &service.wants,
        };
        for id in next.iter().rev() {
            if !needed && !self.is_under_way(*id) {
                continue;
            }
            if let Some(count) = self.waiting.get_mut(*id as usize) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    free.push(*id);
                }
            }
        }
    }

    /// A service stays where it is, and so does what needs it to move: whatever only wants one of these waits no longer.
    fn give_up(&mut self, id: Id, free: &mut Vec<Id>) {
        let mut left = vec![id];
        while let Some(id) = left.pop() {
            if let Some(slot) = self.stuck.get_mut(id as usize).filter(|slot| !**slot) {
                *slot = true;
                self.release(id, false, free);
                left.extend(self.held_by(id));
            }
        }
    }

    /// The services on their way that can't get there without this one.
    fn held_by(&self, id: Id) -> Vec<Id> {
        let Some(service) = self.database.service(id) else { return Vec::new() };
        let next = match self.direction {
            Direction::Up => &service.dependents,
            Direction::Down => &service.dependencies,
        };
        next.iter().copied().filter(|id| self.is_under_way(*id)).collect()
    }

    /// The next thing to do; `None` until a transition has finished, or for good if none is running.
    pub fn next_step(&mut self) -> Option<Step> {
        if self.stopped {
            return None;
        }
        self.steps.pop_front()
    }

    /// How a transition that was begun has ended.
    pub fn finished(&mut self, id: Id, success: bool) {
        let mut free = Vec::new();
        if success {
            if let Some(slot) = self.up.get_mut(id as usize) {
                *slot = self.direction == Direction::Up;
            }
            self.release(id, false, &mut free);
            self.release(id, true, &mut free);
        } else {
            self.give_up(id, &mut free);
        }
        free.reverse();
        self.examine(free);
    }

    /// The selected services that can't begin because of these failures: upwards, those that need one of them; downwards,
    /// those that one of them needs.  In the order of their numbers.
    #[must_use]
    pub(crate) fn kept_back_by(&self, failed: &[Id]) -> Vec<Id> {
        let mut found = vec![false; self.database.len()];
        let mut left = failed.to_vec();
        while let Some(id) = left.pop() {
            for id in self.held_by(id) {
                if let Some(slot) = found.get_mut(id as usize).filter(|slot| !**slot) {
                    *slot = true;
                    left.push(id);
                }
            }
        }
        (0..).zip(found).filter(|(id, is_kept)| *is_kept && !failed.contains(id)).map(|(id, _)| id).collect()
    }

    /// Which way it goes.
    #[must_use]
    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    /// Begins no further transitions.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Which services are up.
    #[must_use]
    pub fn up(&self) -> &[bool] {
        &self.up
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
