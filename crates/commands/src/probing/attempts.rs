//! Pure: the way to readiness.  The lines of `ready` are asked one after the other, each until it holds; those that aren't asked,
//! since the service says them, hold when it has.

use std::time::Duration;
use tool::clock::{Moment, doubled};
use wire::probes::{Kind, Probe, Ready};

/// The longest pause between two tries, unless the first one is longer.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Whether a line is asked, rather than said by the service.
#[must_use]
pub fn is_asked(kind: &Kind) -> bool {
    !matches!(kind, Kind::Log(_) | Kind::Notify | Kind::Fd(_))
}

/// Where readiness is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// The lines that hold, a bit each.
    pub held: u32,
    /// How many tries of the present line have failed.
    failures: u32,
    /// When it is tried next.
    due: Moment,
    /// What it has answered last.
    answer: Vec<u8>,
}

impl Attempts {
    /// Nothing was tried, but these lines hold.
    #[must_use]
    pub fn new(held: u32, now: Moment) -> Self {
        Self { held, failures: 0, due: now, answer: Vec::new() }
    }

    fn holds(&self, at: usize) -> bool {
        self.held & bit(at) != 0
    }

    /// Whether all lines hold.
    #[must_use]
    pub fn is_ready(&self, ready: &Ready) -> bool {
        (0..ready.probes.len()).all(|at| self.holds(at))
    }

    /// The line to ask, and when.
    #[must_use]
    pub fn next<'a>(&self, ready: &'a Ready) -> Option<(usize, &'a Probe, Moment)> {
        let lines = ready.probes.iter().enumerate();
        let (at, probe) = lines.into_iter().find(|(at, one)| is_asked(&one.kind) && !self.holds(*at))?;
        Some((at, probe, self.due))
    }

    /// A line holds from now on; whether it didn't before.
    pub fn hold(&mut self, at: usize, now: Moment) -> bool {
        let is_new = !self.holds(at);
        self.held |= bit(at);
        if is_new {
            (self.failures, self.due) = (0, now);
            self.answer.clear();
        }
        is_new
    }

    /// The present line doesn't hold.
    pub fn fail(&mut self, answer: Vec<u8>, ready: &Ready, now: Moment) {
        let period = Duration::from_millis(ready.period.into());
        self.due = now.saturating_add(doubled(period, self.failures, PAUSE_MAX.max(period)));
        self.failures = self.failures.saturating_add(1);
        self.answer = answer;
    }

    /// Why the service isn't ready: the line that doesn't hold, and its last answer; `None` if it is.
    #[must_use]
    pub fn why(&self, ready: &Ready) -> Option<Vec<u8>> {
        let asked = self.next(ready).map(|(at, ..)| at).filter(|_| !self.answer.is_empty());
        let at = asked.or_else(|| (0..ready.probes.len()).find(|at| !self.holds(*at)))?;
        let probe = ready.probes.get(at)?;
        let answer: &[u8] = match probe.kind {
            Kind::Log(_) => b": no line has matched yet",
            Kind::Notify => b": READY=1 hasn't come yet",
            Kind::Fd(_) => b": no line has been written to it yet",
            _ if self.answer.is_empty() => b": not tried yet",
            _ => return Some(said(probe, &self.answer)),
        };
        Some([&probe.text, answer].concat())
    }
}

fn bit(at: usize) -> u32 {
    u32::try_from(at).ok().and_then(|at| 1_u32.checked_shl(at)).unwrap_or(0)
}

/// A line with what it has answered: a sentence of which it is the subject, unless the answer is a clause.
#[must_use]
pub fn said(probe: &Probe, answer: &[u8]) -> Vec<u8> {
    let verbs = [&b"answered "[..], b"exited ", b"was "];
    let between: &[u8] = if verbs.iter().any(|verb| answer.starts_with(verb)) { b" " } else { b": " };
    [&probe.text, between, answer].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(period: u32, kinds: Vec<Kind>) -> Ready {
        let probes = kinds.into_iter().enumerate();
        let probe = |(at, kind)| Probe { text: format!("line {at}").into_bytes(), kind };
        Ready { period, timeout: 3000, probes: probes.map(probe).collect() }
    }

    fn ms(milliseconds: u64) -> Moment {
        Duration::from_millis(milliseconds)
    }

    fn why(attempts: &Attempts, ready: &Ready) -> Option<String> {
        attempts.why(ready).map(|why| String::from_utf8(why).unwrap())
    }

    #[test]
    fn pauses_double_up_to_a_second() {
        for (period, expected) in
            [(100, [100, 200, 400, 800, 1000, 1000]), (3000, [3000; 6]), (1, [1, 2, 4, 8, 16, 32])]
        {
            let ready = ready(period, vec![Kind::Listen(None, 80)]);
            let mut attempts = Attempts::new(0, ms(0));
            let pauses = expected.map(|_| {
                attempts.fail(b"no".to_vec(), &ready, ms(0));
                u64::try_from(attempts.next(&ready).unwrap().2.as_millis()).unwrap()
            });
            assert_eq!(pauses, expected, "{period}");
        }
    }

    #[test]
    fn lines_are_asked_in_turn_and_what_is_said_counts_at_any_moment() {
        let ready = ready(
            100,
            vec![Kind::Notify, Kind::File(b"/a".to_vec()), Kind::Log(b"x".to_vec()), Kind::Listen(None, 80)],
        );
        let mut attempts = Attempts::new(0, ms(5));
        assert_eq!(why(&attempts, &ready).unwrap(), "line 0: READY=1 hasn't come yet");
        assert_eq!(attempts.next(&ready).map(|(at, _, due)| (at, due)), Some((1, ms(5))));
        attempts.fail(b"it isn't there".to_vec(), &ready, ms(5));
        assert_eq!(why(&attempts, &ready).unwrap(), "line 1: it isn't there");
        assert!(attempts.hold(1, ms(9)) && !attempts.hold(1, ms(9)));
        assert_eq!(attempts.next(&ready).map(|(at, _, due)| (at, due)), Some((3, ms(9))));
        assert!(attempts.hold(3, ms(9)) && attempts.next(&ready).is_none());
        assert!(attempts.hold(0, ms(9)) && !attempts.is_ready(&ready));
        assert_eq!(why(&attempts, &ready).unwrap(), "line 2: no line has matched yet");
        assert!(attempts.hold(2, ms(9)) && attempts.is_ready(&ready));
        assert_eq!(why(&attempts, &ready), None);
        assert!(Attempts::new(0b1111, ms(0)).is_ready(&ready));
    }

    #[test]
    fn an_answer_is_read_as_a_sentence() {
        let probe = Probe { text: b"http http://a/".to_vec(), kind: Kind::Notify };
        let text = |answer: &str| String::from_utf8(said(&probe, answer.as_bytes())).unwrap();
        assert_eq!(text("answered 503"), "http http://a/ answered 503");
        assert_eq!(text("connection refused"), "http http://a/: connection refused");
    }
}
