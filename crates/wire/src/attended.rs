//! What the attendant has found out about a service, for those who tell of it: [`FOLDER`]`/NAME`, a file of lines, each a key,
//! a blank and a value.  A value is one line without control characters, at most [`VALUE_MAX`] bytes.  Keys that aren't known
//! are passed over, and a line without a blank is none, so what isn't well-formed is less than there could be.
//!
//! | key | value |
//! |---|---|
//! | `pid` | the process of the service that all of it is about |
//! | `ready` | `yes`, or why not: the line that doesn't hold, and its last answer |
//! | `live` | `yes`, or why not, likewise; absent if nobody asks for it |
//! | `unhealthy` | `yes` once so many checks in a row have failed that something follows |
//! | `phase` | `reloading` or `stopping`, if the service says so |
//! | `status` | what the service says of itself |
//! | `mainpid` | the process that it says to be the main one |
//! | `held` | the lines of `ready` that hold, a bit each: what the next attendant goes on with |
//! | `until` | how far it has put off the end of `timeout-up` or `timeout-down`: milliseconds of the monotonic clock |

/// The folder, of mode 0755; its files have the mode 0644.
pub const FOLDER: &str = "/run/s6-overlay/attended";

/// The longest file that is read: more than all that is known takes.
pub const SIZE_MAX: usize = 8192;

/// The longest value, in bytes.
pub const VALUE_MAX: usize = 512;

/// The longest text of the service about itself, in bytes.
pub const STATUS_MAX: usize = 200;

/// What is said of a service's process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Its process id.
    pub pid: u32,
    /// Why it isn't ready; `None` if it is, or nobody asks.
    pub unready: Option<Vec<u8>>,
    /// Whether it still does its work; `None` if nobody asks.
    pub live: Option<Liveness>,
    /// What it does instead of working.
    pub phase: Option<Phase>,
    /// What it says of itself; empty for nothing.
    pub status: Vec<u8>,
    /// The process that it says to be the main one.
    pub main_pid: Option<u32>,
    /// The lines of `ready` that hold, a bit each.
    pub held: u32,
    /// How far it has put off the end of a time: milliseconds of the monotonic clock.
    pub until: Option<u64>,
}

/// Whether a service does its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Liveness {
    /// By its last check.
    Yes,
    /// Its last check, or several, failed: why.
    Failing(Vec<u8>),
    /// So many failed that something follows: why.
    Unhealthy(Vec<u8>),
}

/// What a service says that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading its configuration anew.
    Reloading,
    /// Ending.
    Stopping,
}

/// The file's text.
#[must_use]
pub fn encode(report: &Report) -> Vec<u8> {
    let mut text = Vec::new();
    let mut put = |key: &str, value: &[u8]| {
        text.extend_from_slice(key.as_bytes());
        text.push(b' ');
        text.extend(
            value.iter().take(VALUE_MAX).map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }),
        );
        text.push(b'\n');
    };
    put("pid", report.pid.to_string().as_bytes());
    put("ready", report.unready.as_deref().unwrap_or(b"yes"));
    match &report.live {
        None => {}
        Some(Liveness::Yes) => put("live", b"yes"),
        Some(Liveness::Failing(why)) => put("live", why),
        Some(Liveness::Unhealthy(why)) => {
            put("live", why);
            put("unhealthy", b"yes");
        }
    }
    match report.phase {
        None => {}
        Some(Phase::Reloading) => put("phase", b"reloading"),
        Some(Phase::Stopping) => put("phase", b"stopping"),
    }
    if !report.status.is_empty() {
        put("status", report.status.get(..STATUS_MAX).unwrap_or(&report.status));
    }
    if let Some(pid) = report.main_pid {
        put("mainpid", pid.to_string().as_bytes());
    }
    if report.held > 0 {
        put("held", report.held.to_string().as_bytes());
    }
    if let Some(until) = report.until {
        put("until", until.to_string().as_bytes());
    }
    text
}

/// Reads such a file; `None` without a process id.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Report> {
    let mut report = Report::default();
    let mut is_unhealthy = false;
    for line in text.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b' ') else { continue };
        let (key, value) = (line.get(..at)?, line.get(at.saturating_add(1)..)?);
        let value = value.get(..VALUE_MAX).unwrap_or(value);
        match key {
            b"pid" => report.pid = number(value)?,
            b"ready" => report.unready = (value != b"yes").then(|| value.to_vec()),
            b"live" if value == b"yes" => report.live = Some(Liveness::Yes),
            b"live" => report.live = Some(Liveness::Failing(value.to_vec())),
            b"unhealthy" => is_unhealthy = value == b"yes",
            b"phase" if value == b"reloading" => report.phase = Some(Phase::Reloading),
            b"phase" if value == b"stopping" => report.phase = Some(Phase::Stopping),
            b"status" => report.status = value.to_vec(),
            b"mainpid" => report.main_pid = number(value),
            b"held" => report.held = number(value).unwrap_or(0),
            b"until" => report.until = number(value),
            _ => {}
        }
    }
    if is_unhealthy {
        report.live = report.live.map(|live| match live {
            Liveness::Failing(why) => Liveness::Unhealthy(why),
            other => other,
        });
    }
    (report.pid > 0).then_some(report)
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let ready = Report { pid: 7, ..Report::default() };
        assert_eq!(encode(&ready), b"pid 7\nready yes\n");
        assert_eq!(decode(&encode(&ready)), Some(ready));
        let why = || b"http http://127.0.0.1/ answered 503".to_vec();
        for live in [Liveness::Yes, Liveness::Failing(why()), Liveness::Unhealthy(why())] {
            let all = Report {
                pid: 7,
                unready: Some(why()),
                live: Some(live),
                phase: Some(Phase::Reloading),
                status: b"3 of 4 workers".to_vec(),
                main_pid: Some(9),
                held: 5,
                until: Some(u64::MAX),
            };
            assert_eq!(decode(&encode(&all)), Some(all));
        }
    }

    #[test]
    fn values_are_one_line_and_not_longer_than_they_may_be() {
        let status = [&b"a\nunhealthy yes\x1b"[..], &[b'x'; 999]].concat();
        let report = Report { pid: 7, unready: Some(vec![b'y'; 999]), status, ..Report::default() };
        let text = encode(&report);
        assert!(text.len() < SIZE_MAX);
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 3);
        let read = decode(&text).unwrap();
        assert_eq!((read.status.len(), read.unready.unwrap().len()), (STATUS_MAX, VALUE_MAX));
        assert!(read.status.starts_with(b"a unhealthy yes x"));
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_is_written(bytes in "(pid [1-9]\n)?(([a-z]{0,9}|ready|live|unhealthy|phase|status|mainpid|until) ?.{0,20}\n){0,9}", junk in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&junk);
            if let Some(report) = decode(bytes.as_bytes()) {
                let text = encode(&report);
                prop_assert_eq!(decode(&text).as_ref().map(encode), Some(text), "{:?}", bytes);
            }
        }
    }

    #[test]
    fn what_is_damaged_is_less_or_nothing() {
        assert_eq!(decode(b""), None);
        assert_eq!(decode(b"pid x\n"), None);
        assert_eq!(decode(b"ready yes\n"), None);
        let read =
            decode(b"\npid 1\nnonsense\nphase dancing\nlater 1\nmainpid -1\nunhealthy yes\nready").unwrap();
        assert_eq!(read, Report { pid: 1, ..Report::default() });
    }
}
