//! Pure: a container as metrics, in the text format of OpenMetrics 1.0.
//!
//! A service has its name as a label in which a backslash, and each byte that is a control character or no UTF-8, is written
//! with a backslash: so different names stay different, whatever they are.

use crate::status::json::ms;
use crate::status::word::{Standing, last_end, standing};
use crate::status::{Service, Snapshot};
use std::fmt::Write;
use std::time::Duration;
use sys::process::Ended;
use wire::attended::Liveness;
use wire::board::{Row, State};

/// The media type.
pub(crate) const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What has a value of each service, by its name without the prefix: type, help, and the value; of what ends in `_seconds`,
/// in milliseconds.
type OfService =
    (&'static str, &'static str, &'static str, fn(&Snapshot, &Service, &Standing) -> Option<u64>);

const OF_SERVICES: [OfService; 11] = [
    ("up", "gauge", "Whether its process runs; of a oneshot: whether it is up.", |_, service, _| {
        let runs = |row: &Row| matches!(row.state, State::Up | State::Ready | State::Stopping);
        Some(service.row.as_ref().map_or(service.up == Some(true), runs).into())
    }),
    (
        "ready",
        "gauge",
        "Whether it does what it is for: up, and ready where it notifies readiness.",
        |_, _, standing| Some(standing.word.is_good().into()),
    ),
    ("live", "gauge", "Whether its last check of liveness held.", |_, service, _| {
        Some((*service.report.as_ref()?.live.as_ref()? == Liveness::Yes).into())
    }),
    ("wanted", "gauge", "Whether it should be up.", |_, _, standing| Some(standing.wanted.into())),
    ("attention", "gauge", "Whether it should be up and won't be by itself.", |_, _, standing| {
        Some(standing.needs_attention().into())
    }),
    ("starts", "counter", "How often it was started.", |_, service, _| {
        Some(service.row.as_ref()?.starts.into())
    }),
    ("restarts", "counter", "How often it has ended though nobody had asked for that.", |_, service, _| {
        Some(service.row.as_ref()?.deaths.into())
    }),
    ("failures_in_a_row", "gauge", "How often it has failed since it last worked.", |_, service, _| {
        Some(service.row.as_ref()?.failures.into())
    }),
    (
        "last_exit_code",
        "gauge",
        "How it ended the last time: the code, or 128 and the signal's number.",
        |_, service, _| last_end(service).map(|(wstat, _)| Ended::from_wstat(wstat).code().into()),
    ),
    ("change_time_seconds", "gauge", "When its state has changed.", |all, _, standing| {
        Some(wall(all, standing.since?))
    }),
    ("memory_bytes", "gauge", "What its processes have in memory.", |_, service, _| service.memory),
];

/// What a document is being made of.
struct Document(String);

impl Document {
    /// Begins a family.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE s6_overlay_{name} {kind}");
        if let Some((_, unit)) = name.rsplit_once('_').filter(|(_, unit)| ["seconds", "bytes"].contains(unit))
        {
            let _ = writeln!(self.0, "# UNIT s6_overlay_{name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP s6_overlay_{name} {help}");
    }

    /// Adds a value of a family, with its labels in their braces if it has any.
    fn value(&mut self, name: &str, kind: &str, labels: &str, value: u64) {
        let total = if kind == "counter" { "_total" } else { "" };
        let _ = write!(self.0, "s6_overlay_{name}{total}{labels} ");
        let _ = match name.ends_with("_seconds") {
            true => writeln!(self.0, "{}.{:03}", value / 1000, value % 1000),
            false => writeln!(self.0, "{value}"),
        };
    }

    /// A family of the container.
    fn own(&mut self, name: &str, kind: &str, help: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.family(name, kind, help);
            self.value(name, kind, "", value);
        }
    }
}

/// The metrics of a container that is ready, alive and started, or not; `version` are the labels of its build.
pub(crate) fn metrics(all: &Snapshot, [ready, live, started]: [bool; 3], version: &str) -> String {
    let mut document = Document(String::new());
    document.family("build", "info", "What answers.");
    document.value("build_info", "info", version, 1);
    document.family("phase", "gauge", "Where the container is in its life.");
    document.value("phase", "gauge", &format!("{{phase=\"{}\"}}", all.phase().word()), 1);
    let begun = all.header.as_ref().and_then(|header| header.begun);
    for (name, kind, help, value) in [
        (
            "ready",
            "gauge",
            "Whether all that is wanted is up, and ready where it notifies readiness.",
            Some(ready.into()),
        ),
        (
            "live",
            "gauge",
            "Whether nothing has failed that only a new container would help.",
            Some(live.into()),
        ),
        ("started", "gauge", "Whether the start is over, with success.", Some(started.into())),
        ("start_time_seconds", "gauge", "When the container began.", begun.map(|begun| wall(all, begun))),
        ("memory_bytes", "gauge", "The memory of the container's control group in use.", all.memory.0),
        ("memory_limit_bytes", "gauge", "Its limit.", all.memory.1),
        (
            "oom_kills",
            "counter",
            "How many processes the kernel has killed for lack of memory.",
            all.kills.map(u64::from),
        ),
    ] {
        document.own(name, kind, help, value);
    }
    let services: Vec<(&Service, Standing, String)> = different(&all.services)
        .map(|service| (service, standing(all, service), label(&service.name)))
        .collect();
    document.family("service_state", "gauge", "The state of a service, as s6-overlay status has it.");
    for (service, standing, label) in &services {
        let (kind, word) = (service.kind.word(), standing.word.text());
        document.value("service_state", "gauge", &format!("{{{label},kind=\"{kind}\",state=\"{word}\"}}"), 1);
    }
    document.family("service_last_exit_cause", "gauge", "Why it ended the last time.");
    for (service, _, label) in &services {
        if let Some((_, cause)) = last_end(service) {
            let labels = format!("{{{label},cause=\"{}\"}}", cause.word());
            document.value("service_last_exit_cause", "gauge", &labels, 1);
        }
    }
    for (name, kind, help, value) in OF_SERVICES {
        let name = ["service_", name].concat();
        document.family(&name, kind, help);
        for (service, standing, label) in &services {
            if let Some(value) = value(all, service, standing) {
                document.value(&name, kind, &format!("{{{label}}}"), value);
            }
        }
    }
    document.0.push_str("# EOF\n");
    document.0
}

/// The services, each name once: a board that is damaged, or was read while it was written, may have one twice.
fn different(services: &[Service]) -> impl Iterator<Item = &Service> {
    let before = std::iter::once(None).chain(services.iter().map(Some));
    let pairs = services.iter().zip(before);
    pairs
        .filter(|(service, before)| before.is_none_or(|b| b.name != service.name))
        .map(|(service, _)| service)
}

/// The milliseconds since 1970 at a moment.
fn wall(all: &Snapshot, at: Duration) -> u64 {
    ms(all.now.1.saturating_sub(all.ago(at)))
}

/// The label of a service.
fn label(name: &[u8]) -> String {
    let mut label = "service=\"".to_owned();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                // Once for the name, and once for the format.
                '\\' => label.push_str("\\\\\\\\"),
                '"' => label.push_str("\\\""),
                c if c.is_control() => {
                    let _ = write!(label, "\\\\u{{{:x}}}", u32::from(c));
                }
                c => label.push(c),
            }
        }
        for b in chunk.invalid() {
            let _ = write!(label, "\\\\x{b:02x}");
        }
    }
    label.push('"');
    label
}

#[cfg(test)]
mod tests;
