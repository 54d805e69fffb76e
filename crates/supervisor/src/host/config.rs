//! The configuration of a host.

use crate::board::Board;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;
use supervision::control::NAME_MAX;
use sys::signal::Signal;

/// At most this many services are supervised, loggers included, unless the configuration says otherwise.
const SERVICES_MAX: usize = 1000;

/// The configuration of a host.
#[derive(Debug)]
pub struct Config {
    /// The name in its diagnostics.
    pub name: &'static str,
    /// The time between two scans; `None`: scan on request only.
    pub rescan: Option<Duration>,
    /// At most this many services, loggers included.
    pub services_max: usize,
    /// The longest name of a service, in bytes.
    pub name_max: usize,
    /// Names in the scan directory that aren't services of this host.
    pub others: &'static [&'static str],
    /// Standard error for the service `s6-svscan-log`.
    pub console: Option<Rc<OwnedFd>>,
    /// An `s6-supervise` process for each service.
    pub processes: bool,
    /// Whether ends of services that nobody has asked for are reported.
    pub reports: bool,
    /// Whether processes that the kernel kills for lack of memory are reported even if others reap them: this host is the
    /// container's.
    pub watches_kills: bool,
    /// What everybody may know: nothing, unless it was made.
    pub board: Board,
    /// The environment of all children.
    pub env: Vec<Vec<u8>>,
    /// Signals to catch beyond those of `s6-svscan`, for the policy.
    pub signals: Vec<Signal>,
}

impl Config {
    /// `s6-svscan` without options; `S6_SUPERVISE_PROCESSES=0` in the environment asks for supervision in this process.
    #[must_use]
    pub fn new(name: &'static str, env: Vec<Vec<u8>>) -> Self {
        let (rescan, console, signals) = (None, None, Vec::new());
        let processes = !env.iter().any(|v| v == b"S6_SUPERVISE_PROCESSES=0");
        let (services_max, name_max) = (SERVICES_MAX, NAME_MAX);
        let others = &[];
        let (reports, watches_kills, board) = (true, false, Board::default());
        Self {
            name,
            rescan,
            services_max,
            name_max,
            others,
            console,
            processes,
            reports,
            watches_kills,
            board,
            env,
            signals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_s6_svscan() {
        let config = Config::new("s6-svscan", Vec::new());
        assert_eq!((config.services_max, config.name_max), (1000, 251));
        assert_eq!((config.rescan, config.processes, config.signals.len()), (None, true, 0));
        assert!(config.console.is_none());
        let of = |value: &str| Config::new("s6-svscan", vec![value.as_bytes().to_vec()]).processes;
        assert!(
            of("S6_SUPERVISE_PROCESSES=1")
                && of("S6_SUPERVISE_PROCESSES=")
                && !of("S6_SUPERVISE_PROCESSES=0")
        );
    }
}
