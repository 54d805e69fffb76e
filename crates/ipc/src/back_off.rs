//! The back-off of a server that has run out of descriptors, memory or processes.

use rustix::io::Errno;
use std::time::Duration;
use tool::clock::Moment;

/// The first back-off of a series.
const FIRST_SPAN: Duration = Duration::from_millis(10);

/// The limit of a back-off.
const SPAN_LIMIT: Duration = Duration::from_secs(1);

/// A pause in which nothing new is begun.  Each one of a series is twice as long as the one before, from 10 ms to 1 s.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    until: Option<Moment>,
    span: Duration,
}

impl BackOff {
    /// Begins a back-off; `true` if it is the first of a series and so to be reported.
    pub(crate) fn begin(&mut self, now: Moment) -> bool {
        let is_first = self.span.is_zero();
        self.span = (self.span * 2).clamp(FIRST_SPAN, SPAN_LIMIT);
        self.until = now.checked_add(self.span);
        is_first
    }

    /// The end of the back-off; `None` if there is none at this moment.
    pub(crate) fn until(&mut self, now: Moment) -> Option<Moment> {
        self.until = self.until.filter(|until| *until > now);
        self.until
    }

    /// Ends the back-off: a resource was released.
    pub(crate) fn end(&mut self) {
        self.until = None;
    }

    /// Ends the series: an attempt succeeded.
    pub(crate) fn end_series(&mut self) {
        *self = Self::default();
    }
}

/// Whether an error of accept(2) says that a resource is exhausted, which may be released again.
#[must_use]
pub(crate) fn is_exhaustion(e: Errno) -> bool {
    matches!(e, Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
}

/// Whether an error of accept(2) says that the descriptor is no listening socket.
#[must_use]
pub(crate) fn is_no_listener(e: Errno) -> bool {
    matches!(e, Errno::BADF | Errno::NOTSOCK | Errno::INVAL | Errno::OPNOTSUPP | Errno::FAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Duration::from_secs(100);

    #[test]
    fn spans_double_from_10_ms_to_1_s() {
        let mut back_off = BackOff::default();
        let mut spans = Vec::new();
        for n in 0..9 {
            assert_eq!(back_off.begin(NOW), n == 0, "only the first is reported");
            spans.push(back_off.until(NOW).map(|until| (until - NOW).as_millis()).unwrap());
        }
        assert_eq!(spans, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        back_off.end_series();
        assert!(back_off.begin(NOW));
        assert_eq!(back_off.until(NOW), Some(NOW + Duration::from_millis(10)));
    }

    #[test]
    fn a_back_off_ends_in_time_or_when_a_resource_was_released() {
        let mut back_off = BackOff::default();
        assert_eq!(back_off.until(NOW), None);
        back_off.begin(NOW);
        let end = NOW + FIRST_SPAN;
        assert_eq!(back_off.until(end - Duration::from_nanos(1)), Some(end));
        assert_eq!(back_off.until(end), None);
        back_off.begin(NOW);
        back_off.end();
        assert_eq!(back_off.until(NOW), None);
        assert!(!back_off.begin(NOW), "the series goes on");
    }

    #[test]
    fn which_errors_pass_and_which_end_a_server() {
        for (e, is_exhausted, ends) in [
            (Errno::MFILE, true, false),
            (Errno::NFILE, true, false),
            (Errno::NOBUFS, true, false),
            (Errno::NOMEM, true, false),
            (Errno::CONNABORTED, false, false),
            (Errno::AGAIN, false, false),
            (Errno::PERM, false, false),
            (Errno::BADF, false, true),
            (Errno::NOTSOCK, false, true),
            (Errno::INVAL, false, true),
            (Errno::OPNOTSUPP, false, true),
        ] {
            assert_eq!((is_exhaustion(e), is_no_listener(e)), (is_exhausted, ends), "{e}");
        }
    }
}
