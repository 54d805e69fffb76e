//! Back-off of a server that has run out of descriptors, memory or processes.

use rustix::io::Errno;
use std::time::Duration;
use tool::clock::{self, Moment};

/// The first rest.
const FIRST: Duration = Duration::from_millis(10);

/// The longest one.
const LONGEST: Duration = Duration::from_secs(1);

/// While it lasts, nothing new is begun.  Each rest of a series is twice as long as the one before, from 10 ms to 1 s.
#[derive(Debug, Default)]
pub struct Rest {
    until: Option<Moment>,
    span: Duration,
}

impl Rest {
    /// Begins a rest; whether it is the first of a series, to be reported.
    pub fn begin(&mut self) -> bool {
        let is_first = self.span.is_zero();
        self.span = (self.span * 2).clamp(FIRST, LONGEST);
        self.until = clock::now().checked_add(self.span);
        is_first
    }

    /// When it ends; `None` if there is none.
    pub fn until(&mut self) -> Option<Moment> {
        if self.until.is_some_and(|until| until <= clock::now()) {
            self.until = None;
        }
        self.until
    }

    /// Ends it: somebody has given something back.
    pub fn wake(&mut self) {
        self.until = None;
    }

    /// Ends the series: things work again.
    pub fn is_over(&mut self) {
        *self = Self::default();
    }
}

/// Whether an error of accept(2) passes when somebody gives something back.
#[must_use]
pub fn is_want(e: Errno) -> bool {
    matches!(e, Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
}

/// Whether an error of accept(2) means that the socket is none that can be listened on.
#[must_use]
pub fn is_no_listener(e: Errno) -> bool {
    matches!(e, Errno::BADF | Errno::NOTSOCK | Errno::INVAL | Errno::OPNOTSUPP | Errno::FAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_up_to_a_bound() {
        let mut rest = Rest::default();
        assert_eq!(rest.until(), None);
        assert!(rest.begin() && rest.until().is_some());
        rest.wake();
        assert_eq!(rest.until(), None);
        let spans: Vec<_> = (0..8)
            .map(|_| {
                assert!(!rest.begin());
                rest.span.as_millis()
            })
            .collect();
        assert_eq!(spans, [20, 40, 80, 160, 320, 640, 1000, 1000]);
        rest.is_over();
        assert!(rest.begin());
    }
}
