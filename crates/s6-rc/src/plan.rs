//! The planner: which transition may begin now.
//!
//! It knows the graph, which services are up and which ones were selected, and is told how each transition ended; it
//! never looks at a process, a file or a clock.  The rules:
//!
//! - Upwards, a service begins when all its dependencies are up; downwards, when all its dependents are down.
//! - Whatever may begin is returned at once; independent services never wait for each other.
//! - A failure holds back only the services that need the failed one, directly or indirectly.
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
        let needs = |id: usize| {
            let service = database.services().get(id);
            service.map_or(0, |s| match direction {
                Direction::Up => s.dependencies.len(),
                Direction::Down => s.dependents.len(),
            })
        };
        let waiting = (0..database.len()).map(|id| u32::try_from(needs(id)).unwrap_or(u32::MAX)).collect();
        let mut plan = Self {
            database,
            direction,
            force,
            up,
            selected,
            waiting,
            steps: VecDeque::new(),
            stopped: false,
        };
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
                free.extend(self.release(id).into_iter().rev());
            } else if !up && essential && !self.force {
                self.steps.push_back(Step::Essential(id));
            } else {
                self.steps.push_back(Step::Begin(id));
            }
        }
    }

    /// Counts a service as being where it should be; returns the services that now wait for nothing else.
    fn release(&mut self, id: Id) -> Vec<Id> {
        let Some(service) = self.database.service(id) else { return Vec::new() };
        let next = match self.direction {
            Direction::Up => &service.dependents,
            Direction::Down => &service.dependencies,
        };
        let mut free = Vec::new();
        for id in next {
            if let Some(count) = self.waiting.get_mut(*id as usize) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    free.push(*id);
                }
            }
        }
        free
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
        if success {
            if let Some(slot) = self.up.get_mut(id as usize) {
                *slot = self.direction == Direction::Up;
            }
            let free = self.release(id);
            self.examine(free);
        }
    }

    /// The selected services that can't begin because of these failures: upwards, those that need one of them; downwards,
    /// those that one of them needs.  In the order of their numbers.
    #[must_use]
    pub(crate) fn kept_back_by(&self, failed: &[Id]) -> Vec<Id> {
        let up = self.direction == Direction::Up;
        let mut found = vec![false; self.database.len()];
        let mut left = failed.to_vec();
        while let Some(service) = left.pop().and_then(|id| self.database.service(id)) {
            for id in if up { &service.dependents } else { &service.dependencies } {
                let is_kept = self.is(&self.selected, *id) && self.is(&self.up, *id) != up;
                if let Some(slot) = found.get_mut(*id as usize).filter(|slot| is_kept && !**slot) {
                    *slot = true;
                    left.push(*id);
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
