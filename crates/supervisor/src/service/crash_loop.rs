//! Pure: when a service that ends again and again is reported, and what the report says.
//!
//! The third end within a minute that nobody has asked for is reported, and then, while it goes on, the first one after
//! 1, 2, 4 … minutes, with what has happened since the beginning.  It is over when the service has lived for a minute.
//! None of this is saved: a re-executed host begins again.

use std::time::Duration;
use sys::process::Ended;
use sys::signal;
use tool::clock::Moment;

/// So many ends within [`SPAN`] are reported.
const ENDS: u32 = 3;

/// The time within which they come, the first pause between two reports, and a life that ends a loop.
const SPAN: Duration = Duration::from_mins(1);

/// The longest pause between two reports.
const PAUSE_MAX: Duration = Duration::from_hours(24);

/// So many different ways to end are told apart.
const WAYS_MAX: usize = 3;

/// How `run` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By itself or by a signal.
    Ended(Ended),
    /// The kernel killed it for lack of memory.
    Memory,
    /// It was found unhealthy.
    Unhealthy,
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended(Ended::Exited(code)) => write!(f, "with exit code {code}"),
            Self::Ended(Ended::Killed(number)) => write!(f, "killed by {}", signal::show((*number).into())),
            Self::Memory => f.write_str("killed by the kernel for lack of memory"),
            Self::Unhealthy => f.write_str("because it was unhealthy"),
        }
    }
}

/// The beginning of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) at: Moment,
    /// The process of `run`.
    pub(super) pid: u32,
}

/// The ends of a service that nobody has asked for.
#[derive(Debug, Default)]
pub(super) struct CrashLoop {
    /// When the current life began.
    begun: Option<Begun>,
    /// The ends within the last [`SPAN`], before anything was reported.
    recent: Vec<End>,
    /// What was reported and goes on.
    running: Option<Running>,
}

#[derive(Debug, Clone, Copy)]
struct End {
    /// When that life began.
    begun: Begun,
    at: Moment,
    way: Way,
}

#[derive(Debug)]
struct Running {
    /// The first end of these.
    first: End,
    count: u32,
    ways: Vec<(Way, u32)>,
    /// When the next report is due, and the pause before it.
    next: (Moment, Duration),
}

/// What is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// How often the service has ended.
    count: u32,
    /// In what time.
    span: Duration,
    /// When the first of these lives began.
    begun: Begun,
    /// The ways, those that were first come first; what is more isn't told apart.
    ways: Vec<(Way, u32)>,
}

impl CrashLoop {
    /// `run` was started, as this process.
    pub(super) fn started(&mut self, pid: u32, now: Moment) {
        self.begun = Some(Begun { at: now, pid });
    }

    /// The service isn't wanted up any more, or has ended because it was told to.
    pub(super) fn forget(&mut self) {
        self.recent.clear();
        self.running = None;
    }

    /// Whether the last end is a part of what was reported and goes on.
    pub(super) fn is_reported(&self) -> bool {
        self.running.is_some()
    }

    /// `run` has ended, and nobody has asked for that.
    pub(super) fn ended(&mut self, way: Way, now: Moment) -> Option<Report> {
        let begun = self.begun.take().unwrap_or(Begun { at: now, pid: 0 });
        if now.saturating_sub(begun.at) >= SPAN {
            self.forget();
        }
        if let Some(running) = &mut self.running {
            return running.ended(way, now);
        }
        self.recent.retain(|end| now.saturating_sub(end.at) <= SPAN);
        self.recent.push(End { begun, at: now, way });
        if self.recent.len() < usize::try_from(ENDS).unwrap_or(usize::MAX) {
            return None;
        }
        let first = *self.recent.first()?;
        let mut running = Running { first, count: 0, ways: Vec::new(), next: (now, SPAN) };
        self.recent.drain(..).for_each(|end| running.count(end.way));
        let report = running.report(now);
        running.next = (now.saturating_add(SPAN), SPAN);
        self.running = Some(running);
        Some(report)
    }
}

impl Running {
    fn ended(&mut self, way: Way, now: Moment) -> Option<Report> {
        self.count(way);
        let (at, pause) = self.next;
        (at <= now).then(|| {
            let pause = pause.saturating_mul(2).min(PAUSE_MAX);
            self.next = (now.saturating_add(pause), pause);
            self.report(now)
        })
    }

    fn report(&self, now: Moment) -> Report {
        let Self { first, count, ways, .. } = self;
        let span = now.saturating_sub(first.at);
        Report { count: *count, span, begun: first.begun, ways: ways.clone() }
    }

    fn count(&mut self, way: Way) {
        self.count = self.count.saturating_add(1);
        if let Some((_, count)) = self.ways.iter_mut().find(|(known, _)| *known == way) {
            *count = count.saturating_add(1);
        } else if self.ways.len() < WAYS_MAX {
            self.ways.push((way, 1));
        }
    }
}

impl Report {
    /// When the first of the lives began that it is about.
    pub(super) fn begun(&self) -> Begun {
        self.begun
    }

    /// The report's text.  `left` describes processes that still run though the service has ended; `limited` says whether
    /// its definition says something about restarts.
    pub(super) fn text(&self, left: &[String], limited: bool) -> String {
        let Self { count, span, ways, .. } = self;
        let told: u32 = ways.iter().map(|(_, count)| *count).sum();
        let how = match ways.as_slice() {
            [(way, _)] if told == *count => format!("always {way}"),
            _ => {
                let times = |n: u32| match n {
                    1 => "once".to_owned(),
                    2 => "twice".to_owned(),
                    _ => format!("{n} times"),
                };
                let mut parts: Vec<String> =
                    ways.iter().map(|(way, n)| format!("{} {way}", times(*n))).collect();
                if told < *count {
                    parts.push(format!("{} otherwise", times(count.saturating_sub(told))));
                }
                parts.join(", ")
            }
        };
        let mut text =
            format!("has ended {count} times in the last {}, {how}, and is started again", show_span(*span));
        if !left.is_empty() {
            let verb = if left.len() == 1 { "is" } else { "are" };
            text += &format!(
                "; {} {verb} still running, maybe left by it: does it go into the background? It must stay in the \
                 foreground",
                left.join(", ")
            );
        }
        if !limited {
            text += " (to limit that: restart-limit; to let it end the container: on-failure)";
        }
        text
    }
}

/// A time for people: seconds, minutes from two on, hours from two on.
fn show_span(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds < 1 => "second".to_owned(),
        seconds if seconds < 120 => {
            format!("{} s", seconds.saturating_add(u64::from(span.subsec_millis() >= 500)))
        }
        seconds if seconds < 7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CODE: fn(u8) -> Way = |code| Way::Ended(Ended::Exited(code));

    /// The milliseconds of the reports, for ends at these.
    fn reports(ends: impl IntoIterator<Item = u64>, life: u64) -> Vec<(u64, u32)> {
        let mut crashes = CrashLoop::default();
        let mut reports = Vec::new();
        for ms in ends {
            crashes.started(7, Duration::from_millis(ms.saturating_sub(life)));
            if let Some(report) = crashes.ended(CODE(1), Duration::from_millis(ms)) {
                reports.push((ms / 1000, report.count));
            }
        }
        reports
    }

    #[test]
    fn the_third_end_is_reported_and_then_less_and_less() {
        let each_second = (1..1000).map(|second| second * 1000);
        assert_eq!(reports(each_second, 5), [(3, 3), (63, 63), (183, 183), (423, 423), (903, 903)],);
        // Two within a minute aren't a loop.
        assert_eq!(reports((1..100).map(|n| n * 31_000), 5), []);
        assert_eq!(reports((1..9).map(|n| n * 30_000), 5), [(90, 3), (150, 5)]);
        assert_eq!(reports([0, 60_000, 60_001, 60_002], 5), [(60, 3)]);
        assert_eq!(reports([0, 60_001, 60_002, 60_003], 5), [(60, 3)]);
    }

    #[test]
    fn a_life_of_a_minute_ends_a_loop() {
        let mut crashes = CrashLoop::default();
        let at = Duration::from_secs;
        assert!((1..4).filter_map(|second| crashes.ended(CODE(1), at(second))).next().is_some());
        crashes.started(7, at(4));
        assert_eq!(crashes.ended(CODE(1), at(64)), None);
        assert_eq!(crashes.ended(CODE(1), at(65)), None);
        assert_eq!(
            crashes.ended(CODE(2), at(66)).map(|report| (report.count, report.span)),
            Some((3, at(2)))
        );
        // A long pause before a start doesn't.
        crashes.started(7, at(1000));
        assert_eq!(crashes.ended(CODE(1), at(1001)).map(|report| report.count), Some(4));
        crashes.forget();
        assert_eq!(crashes.ended(CODE(1), at(1002)), None);
    }

    #[test]
    fn texts() {
        let kill = |signal| Way::Ended(Ended::Killed(signal));
        let report = |span, ways: &[(Way, u32)], more: u32| {
            let count = ways.iter().map(|(_, n)| n).sum::<u32>() + more;
            Report {
                count,
                span: Duration::from_millis(span),
                begun: Begun { at: Duration::ZERO, pid: 7 },
                ways: ways.to_vec(),
            }
        };
        let left = ["41 (nginx)".to_owned(), "43 (php-fpm: master)".to_owned()];
        let texts = [
            report(10_000, &[(CODE(9), 5)], 0).text(&[], false),
            report(200, &[(CODE(0), 3)], 0).text(&left[..1], false),
            report(61_600, &[(CODE(0), 1), (CODE(1), 60)], 0).text(&left, true),
            report(120_000, &[(kill(11), 1), (kill(33), 1), (Way::Memory, 60)], 7).text(&[], true),
            report(7_199_999, &[(Way::Memory, 60)], 0).text(&[], false),
            report(7_200_000, &[(kill(9), 60)], 0).text(&[], false),
        ];
        insta::assert_snapshot!(texts.join("\n"));
    }

    proptest! {
        #[test]
        fn after_the_first_there_is_at_most_one_a_minute(gaps in prop::collection::vec(0_u64..40_000, 0..300)) {
            let mut ms = 0;
            let ends: Vec<u64> = gaps.into_iter().map(|gap| { ms += gap; ms }).collect();
            let reports = reports(ends, 0);
            for pair in reports.windows(2) {
                prop_assert!(pair[1].0 - pair[0].0 >= 59, "{pair:?}");
            }
        }
    }
}
