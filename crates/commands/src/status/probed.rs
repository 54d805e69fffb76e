//! Pure: what the attendant has found out about a service, in words and as a list of checks.

use super::Service;
use tool::diag::shown;
use wire::attended::Liveness;
use wire::board::{Flags, State};

/// A line of what a service has to be ready or alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// The line; `fd` for a notification of its own.
    pub(crate) text: Vec<u8>,
    /// Whether it holds, if that is known.
    pub(crate) holds: Option<bool>,
    /// Its last answer, if it doesn't hold.
    pub(crate) answer: Option<Vec<u8>>,
}

/// All lines hold.
const ALL: u32 = u32::MAX;

/// Why a service doesn't do its work, and whether so many checks have failed that something follows.
pub(crate) fn failing(service: &Service) -> Option<(&[u8], bool)> {
    match service.report.as_ref()?.live.as_ref()? {
        Liveness::Yes => None,
        Liveness::Failing(why) => Some((why, false)),
        Liveness::Unhealthy(why) => Some((why, true)),
    }
}

/// Whether so many checks have failed that something follows.
pub(crate) fn is_unhealthy(service: &Service) -> bool {
    failing(service).is_some_and(|(_, is_unhealthy)| is_unhealthy)
}

/// That a service doesn't do its work: `is unhealthy: http … answered 503`.
pub(crate) fn problem(service: &Service) -> Option<String> {
    let (why, is_unhealthy) = failing(service)?;
    let what = if is_unhealthy { "is unhealthy" } else { "fails a check" };
    Some(format!("{what}: {}", shown(why)))
}

/// Why a service isn't ready.
pub(crate) fn unready(service: &Service) -> Option<String> {
    service.report.as_ref()?.unready.as_deref().map(shown)
}

/// All of that in a few words, and what the service says of itself; empty for nothing.
pub(crate) fn note(service: &Service) -> String {
    let status = service.report.as_ref().map(|report| shown(&report.status));
    let parts = [problem(service).or_else(|| unready(service)), status];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

/// What a reason says of the line that it begins with.
fn answer<'a>(reason: &'a [u8], line: &[u8]) -> Option<&'a [u8]> {
    let rest = reason.strip_prefix(line)?;
    rest.strip_prefix(b": ").or_else(|| rest.strip_prefix(b" "))
}

/// The checks whose lines these are, of which the one is false that a reason is about, if there is a reason: the longest line
/// that it begins with.  Those hold that have a bit.
fn checks(lines: &[&[u8]], holding: u32, reason: Option<&[u8]>) -> Vec<Check> {
    let told = |line: &&&[u8]| reason.is_some_and(|reason| answer(reason, line).is_some());
    let about = lines.iter().filter(told).max_by_key(|line| line.len());
    let check = |(at, line): (u32, &&[u8])| {
        let answer = reason.filter(|_| about == Some(line)).and_then(|reason| answer(reason, line));
        let holds = if answer.is_some() {
            Some(false)
        } else {
            Some(true).filter(|_| holding.checked_shr(at).unwrap_or(0) & 1 == 1)
        };
        Check { text: line.to_vec(), holds, answer: answer.map(<[u8]>::to_vec) }
    };
    (0..).zip(lines).map(check).collect()
}

/// What a service has to be ready.
pub(crate) fn readiness(service: &Service) -> Vec<Check> {
    let Some(row) = service.row.as_ref().filter(|row| row.flags.has(Flags::READINESS)) else {
        return Vec::new();
    };
    let is_ready = row.state == State::Ready;
    match service.probes.as_ref().and_then(|probes| probes.ready.as_ref()) {
        Some(ready) => {
            let reason = service.report.as_ref().and_then(|report| report.unready.as_deref());
            let lines: Vec<_> = ready.probes.iter().map(|probe| probe.text.as_slice()).collect();
            let held = service.report.as_ref().map_or(0, |report| report.held);
            checks(&lines, if is_ready { ALL } else { held }, reason.filter(|_| !is_ready))
        }
        None => vec![Check { text: b"fd".to_vec(), holds: Some(is_ready), answer: None }],
    }
}

/// What a service has to be alive.
pub(crate) fn liveness(service: &Service) -> Vec<Check> {
    let Some(live) = service.probes.as_ref().and_then(|probes| probes.live.as_ref()) else {
        return Vec::new();
    };
    let watchdog = live.watchdog.map(|_| &b"watchdog"[..]);
    let lines: Vec<_> = live.probes.iter().map(|probe| probe.text.as_slice()).chain(watchdog).collect();
    let is_alive = service.report.as_ref().is_some_and(|report| report.live == Some(Liveness::Yes));
    checks(&lines, if is_alive { ALL } else { 0 }, failing(service).map(|(why, _)| why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::probed;
    use wire::attended::Report;

    /// The checks as text: `+` holds, `-` doesn't, `?` isn't known.
    fn shown(checks: &[Check]) -> Vec<String> {
        let one = |check: &Check| {
            let sign = match check.holds {
                None => '?',
                Some(holds) => {
                    if holds {
                        '+'
                    } else {
                        '-'
                    }
                }
            };
            let answer = check.answer.as_ref().map(|a| format!(" ({})", String::from_utf8_lossy(a)));
            format!("{sign}{}{}", String::from_utf8_lossy(&check.text), answer.unwrap_or_default())
        };
        checks.iter().map(one).collect()
    }

    #[test]
    fn a_reason_is_that_of_the_line_that_it_begins_with() {
        let of = |state, report: Report| {
            let service = probed("web", state, report);
            (shown(&readiness(&service)), shown(&liveness(&service)), note(&service))
        };
        let unready = Report {
            held: 1,
            unready: Some(b"unix /run/x answered: nobody listens".to_vec()),
            ..Report::default()
        };
        assert_eq!(
            of(State::Up, unready),
            (
                vec!["+listen 80".into(), "-unix /run/x (answered: nobody listens)".into()],
                vec!["?listen 80".into(), "?watchdog".into()],
                "unix /run/x answered: nobody listens".to_owned()
            )
        );
        let live = Some(Liveness::Failing(b"watchdog: nothing for 3000 ms".to_vec()));
        let says = Report { live, status: b"3 of 4".to_vec(), ..Report::default() };
        let (ready, alive, note) = of(State::Ready, says);
        assert_eq!(ready, ["+listen 80", "+unix /run/x"]);
        assert_eq!(alive, ["?listen 80", "-watchdog (nothing for 3000 ms)"]);
        assert_eq!(note, "fails a check: watchdog: nothing for 3000 ms; 3 of 4");
        let (_, alive, note) = of(State::Ready, Report { live: Some(Liveness::Yes), ..Report::default() });
        assert_eq!((alive, note), (vec!["+listen 80".into(), "+watchdog".into()], String::new()));
    }

    #[test]
    fn a_reason_is_about_the_longest_line_that_fits() {
        let lines = [&b"listen 80"[..], b"listen 8080", b"exec /x", b"exec /x -q"];
        let of = |reason: &str| shown(&checks(&lines, 0, Some(reason.as_bytes())));
        assert_eq!(of("listen 8080: no"), ["?listen 80", "-listen 8080 (no)", "?exec /x", "?exec /x -q"]);
        assert_eq!(of("exec /x -q exited 1")[2..], ["?exec /x", "-exec /x -q (exited 1)"]);
        assert_eq!(of("exec /x exited 1")[2..], ["-exec /x (exited 1)", "?exec /x -q"]);
        assert_eq!(of("listen 808")[..2], ["?listen 80", "?listen 8080"]);
    }

    #[test]
    fn without_probes_a_service_notifies_itself_or_not_at_all() {
        let mut service = probed("web", State::Up, Report::default());
        service.probes = None;
        assert_eq!(shown(&readiness(&service)), ["-fd"]);
        if let Some(row) = &mut service.row {
            row.flags = Flags(0);
        }
        assert!(readiness(&service).is_empty() && liveness(&service).is_empty());
    }
}
