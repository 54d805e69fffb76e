//! What a container is like, for people and for probes: facts, gathered once, and what follows from them.
//!
//! | module | what it is |
//! |---|---|
//! | [`place`] | where a container's files are, and how changes there are waited for |
//! | [`gather`] | reads the facts: the board, the live state, and where there is no board, what the supervisors write |
//! | [`probed`] | pure: what the attendant has found out about a service |
//! | [`word`] | pure: the state of a service in one word, what to say about it, and whether it needs somebody |
//! | [`choice`] | pure: the services that a command names |
//! | [`health`] | pure: whether a container is ready, alive, started |
//! | [`table`], [`json`] | pure: the facts as a table and as a document |
//! | [`details`] | all there is to know about one service |
//! | [`why`] | pure: why services are as they are |
//! | [`times`] | pure: spans and moments as text |
//!
//! Nothing here takes a lock, needs a privilege or asks process 1.

pub(crate) mod choice;
pub(crate) mod details;
pub mod gather;
pub(crate) mod health;
pub(crate) mod json;
pub mod place;
pub(crate) mod probed;
pub(crate) mod table;
pub mod times;
pub(crate) mod why;
pub mod word;

use s6_rc::condition::Examined;
use std::time::Duration;
use wire::attended::Report;
use wire::board::{Header, Phase, Row};
use wire::probes::Probes;
use wire::restart_policy::RestartPolicy;

/// The exit code for a service that isn't running.
pub(crate) const NOT_RUNNING: u8 = 3;
/// The exit code for a name that no service has.
pub(crate) const UNKNOWN: u8 = 4;
/// The exit code when the time is over.
pub(crate) const TIMED_OUT: u8 = 99;

/// A container at a moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The moment: CLOCK_MONOTONIC, and time since 1970.
    pub now: (Duration, Duration),
    /// What the board says of the container; `None` without a board.
    pub header: Option<Header>,
    /// The services by name.
    pub services: Vec<Service>,
    /// The bundles, each with the places of its members in `services`.
    pub bundles: Vec<(Vec<u8>, Vec<usize>)>,
    /// What couldn't be read, one sentence each.
    pub remarks: Vec<String>,
    /// What is `None` because it couldn't be read.
    pub unreadable: Vec<&'static str>,
    /// The container's memory in use and its limit, in bytes.
    pub memory: (Option<u64>, Option<u64>),
    /// How many processes the kernel has killed for lack of memory.
    pub kills: Option<u32>,
}

impl Snapshot {
    /// The phase of the container's life.
    pub fn phase(&self) -> Phase {
        self.header.as_ref().map_or(Phase::Unknown, |header| header.phase)
    }

    /// How long ago a moment was.
    pub fn ago(&self, moment: Duration) -> Duration {
        self.now.0.saturating_sub(moment)
    }

    /// The names of some services, in the order of their places.
    pub fn names<'a>(&'a self, places: &'a [usize]) -> impl Iterator<Item = &'a Service> {
        places.iter().filter_map(|at| self.services.get(*at))
    }
}

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A supervised daemon.
    #[default]
    Longrun,
    /// Scripts.
    Oneshot,
}

impl Kind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        if self == Self::Longrun { "longrun" } else { "oneshot" }
    }
}

/// A oneshot's last step, or the one that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Whether it is `up`, not `down`.
    pub up: bool,
    /// When it began or, if it is over, ended.
    pub at: Duration,
    /// How it ended, as wait(2) gives it; `None` while it runs.
    pub wstat: Option<u16>,
    /// How long it took.
    pub took: Option<Duration>,
}

/// A service.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// Its name, `NAME/log` for a logger of services.d.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Its record on the board, or what the supervisor's files say; `None` for a oneshot, and for what isn't supervised.
    pub row: Option<Row>,
    /// Whether s6-rc has brought it up; `None` if s6-rc doesn't manage it.
    pub up: Option<bool>,
    /// Whether the start of the container brings it up.
    pub in_boot: bool,
    /// The last step of a oneshot.
    pub step: Option<Step>,
    /// What it needs, directly.
    pub needs: Vec<usize>,
    /// What it starts after, if that starts, too.
    pub wants: Vec<usize>,
    /// What needs it, directly.
    pub needed_by: Vec<usize>,
    /// What reads its output.
    pub logger: Option<usize>,
    /// What was found out about its conditions, and why it isn't in this container, if it isn't.
    pub examined: Option<Examined>,
    /// What the attendant has found out about its process.
    pub report: Option<Report>,
    /// What it is asked to find out, if that was read.
    pub probes: Option<Probes>,
    /// Its restart policy, if that was read and it has one.
    pub policy: Option<RestartPolicy>,
    /// What it said last, if it needs attention and has a log.
    pub message: Option<Vec<u8>>,
    /// The bytes that its processes have in memory.
    pub memory: Option<u64>,
    /// The milliseconds of processor time that they have used.
    pub cpu: Option<u64>,
}

impl Service {
    /// Why it isn't in this container, if it isn't.
    pub(crate) fn absent(&self) -> Option<&str> {
        self.examined.as_ref()?.absent.as_deref()
    }

    /// How often its daemon has ended though nobody had asked for that; `None` where nothing tells, and of what has never run.
    pub fn deaths(&self) -> Option<u32> {
        self.row.as_ref().filter(|row| row.starts > 0 || row.deaths > 0).map(|row| row.deaths)
    }

    /// Whether it is one of those that every container has, which only matter when something is wrong with them.
    pub fn is_own(&self) -> bool {
        overlay::legacy::idle::OWN.contains(&self.name.as_slice())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! Containers and services to test with.

    use super::*;
    use wire::board::{Cause, Flags, State};
    use wire::probes::{self, Live, Probe, Ready};

    /// A container whose start took 10 s, 100 s after its beginning.
    pub(crate) fn running() -> Snapshot {
        let header = Header {
            pid: 1,
            phase: Phase::Running,
            boot_code: 0,
            begun: Some(Duration::ZERO),
            started: Some(Duration::from_secs(10)),
            ..Header::default()
        };
        let wall = Duration::from_secs(1_795_974_360);
        Snapshot { now: (Duration::from_secs(100), wall), header: Some(header), ..Snapshot::default() }
    }

    /// A container that is starting.
    pub(crate) fn starting() -> Snapshot {
        let mut all = running();
        if let Some(header) = &mut all.header {
            (header.phase, header.boot_code, header.started) = (Phase::Starting, Header::NONE, None);
        }
        all
    }

    /// A daemon that has been in this state for 40 s.
    pub(crate) fn longrun(name: &str, state: State) -> Service {
        let row = Row {
            name: name.into(),
            state,
            cause: Cause::None,
            flags: Flags(Flags::WANTED),
            since: Some(Duration::from_secs(60)),
            ..Row::default()
        };
        Service { name: name.into(), row: Some(row), ..Service::default() }
    }

    /// A daemon with lines `listen 80` and `unix /run/x`, and with `listen 80` and a watchdog for liveness.
    pub(crate) fn probed(name: &str, state: State, report: Report) -> Service {
        let mut service = longrun(name, state);
        if let Some(row) = &mut service.row {
            row.flags = Flags(Flags::WANTED | Flags::READINESS);
        }
        let probe = |text: &str, kind| Probe { text: text.into(), kind };
        let listen = probe("listen 80", probes::Kind::Listen(None, 80));
        let unix = probe("unix /run/x", probes::Kind::Unix(b"/run/x".to_vec()));
        let ready = Ready { period: 100, timeout: 3000, probes: vec![listen.clone(), unix] };
        let live = Live {
            period: 1,
            timeout: 1,
            threshold: 3,
            watchdog: Some(3000),
            on_unhealthy: probes::OnUnhealthy::Restart,
            probes: vec![listen],
        };
        service.probes = Some(Probes { ready: Some(ready), live: Some(live) });
        service.report = Some(report);
        service
    }

    /// A oneshot: whether it is up, and its last step: whether that is `up`, and how it ended.
    pub(crate) fn oneshot(name: &str, up: bool, step: Option<(bool, Option<u16>)>) -> Service {
        let took = Some(Duration::from_millis(4100));
        let step = step.map(|(up, wstat)| Step { up, at: Duration::from_secs(5), wstat, took });
        Service { name: name.into(), kind: Kind::Oneshot, up: Some(up), step, ..Service::default() }
    }
}
