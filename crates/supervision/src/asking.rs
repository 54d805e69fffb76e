//! When to ask again how a service stands that is waited for.
//!
//! Normally an event of its supervisor tells.  An event, a command or a subscription can be lost where descriptors, memory
//! or disk space run out; as the status is read and the command repeated now and then, such a loss costs some time and
//! nothing else.

use std::time::Duration;
use tool::clock::Moment;

/// From the beginning to the first question, and the longest pause between two; the pauses double.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pauses {
    first: Duration,
    limit: Duration,
}

/// Where events can be heard: most waits end before the first question.
const HEARD: Pauses = Pauses { first: Duration::from_secs(1), limit: Duration::from_secs(16) };

/// Where the status is all there is.
const UNHEARD: Pauses = Pauses { first: Duration::from_millis(50), limit: Duration::from_secs(1) };

/// The questions of one wait.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    at: Moment,
    pause: Duration,
    limit: Duration,
}

impl Asking {
    /// About something that begins now; `is_heard` if its events can be subscribed to.
    #[must_use]
    pub fn new(now: Moment, is_heard: bool) -> Self {
        let Pauses { first, limit } = if is_heard { HEARD } else { UNHEARD };
        Self { at: now.saturating_add(first), pause: first, limit }
    }

    /// When the next question is due.
    #[must_use]
    pub fn at(&self) -> Moment {
        self.at
    }

    /// The next question, if one is asked now.
    #[must_use]
    pub fn next(self, now: Moment) -> Self {
        let pause = self.pause.saturating_mul(2).min(self.limit);
        Self { at: now.saturating_add(pause), pause, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When the first questions are asked, in milliseconds.
    fn questions(is_heard: bool) -> Vec<u128> {
        let mut asking = Asking::new(Moment::ZERO, is_heard);
        (0..8)
            .map(|_| {
                let at = asking.at();
                asking = asking.next(at);
                at.as_millis()
            })
            .collect()
    }

    #[test]
    fn questions_come_ever_less_often() {
        assert_eq!(questions(true), [1000, 3000, 7000, 15_000, 31_000, 47_000, 63_000, 79_000]);
        assert_eq!(questions(false), [50, 150, 350, 750, 1550, 2550, 3550, 4550]);
    }
}
