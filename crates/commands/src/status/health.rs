//! Pure: whether a container is ready, alive, started.

use super::times::span;
use super::word::{Standing, Word, exit, standing};
use super::{Kind, Service, Snapshot, probed};
use tool::diag::{show, shown};
use wire::board::{Header, Phase, State};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Whether all that is wanted is up, and ready where that is declared.
    Ready,
    /// Whether nothing but a new container could help.
    Live,
    /// Whether the start is over, with success.
    Started,
}

impl Asked {
    /// What the answer is called, if it is yes.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Live => "live",
            Self::Started => "started",
        }
    }
}

/// What stands against a yes, a phrase each; nothing means yes.
///
/// `chosen` are the places of the services that count, `by_name` whether they were named.  `host` is the state of process 1 as in
/// `/proc/PID/stat`, 0 if there is no such process.  `is_optional` says whether the definition of a service has a file
/// `optional`.
pub(crate) fn problems(
    all: &Snapshot,
    asked: Asked,
    (chosen, by_name): (&[usize], bool),
    host: u8,
    is_optional: &dyn Fn(&[u8]) -> bool,
) -> Vec<String> {
    let Some(header) = &all.header else {
        let why = all.remarks.first().map_or("there is no status board", String::as_str);
        return vec![why.to_owned()];
    };
    let mut found = Vec::new();
    match asked {
        Asked::Live => found.extend(host_problem(header, host)),
        Asked::Ready | Asked::Started => found.extend(phase_problem(all, header, asked)),
    }
    if asked == Asked::Live && header.phase != Phase::Running || asked == Asked::Started {
        return found;
    }
    for service in all.names(chosen) {
        let standing = standing(all, service);
        let problem = match asked {
            Asked::Live if has_failed(service) => Some(failure(service)),
            Asked::Live => problem(service).filter(|_| standing.is_unhealthy),
            _ => service_problem(all, service, &standing, by_name),
        };
        if let Some(problem) = problem
            && !is_optional(&service.name)
        {
            found.push(problem);
        }
    }
    found
}

/// What is wrong with process 1.
fn host_problem(header: &Header, state: u8) -> Option<String> {
    let what = match state {
        0 => "is gone",
        b'T' | b't' => "is stopped",
        b'D' => "hangs in a system call",
        b'Z' | b'X' => "is dead",
        _ => return None,
    };
    Some(format!("process {} {what}", header.pid))
}

fn phase_problem(all: &Snapshot, header: &Header, asked: Asked) -> Option<String> {
    if asked == Asked::Ready && matches!(header.phase, Phase::Stopping | Phase::Ending) {
        return Some("the container stops".to_owned());
    }
    match header.started {
        None => {
            let for_so_long = header.begun.map(|begun| format!(" ({})", span(all.ago(begun))));
            Some(format!("the start isn't over{}", for_so_long.unwrap_or_default()))
        }
        Some(_) if asked == Asked::Started && header.boot_code != 0 => {
            Some(format!("the start has failed with code {}", header.boot_code))
        }
        Some(_) => None,
    }
}

fn has_failed(service: &Service) -> bool {
    service.row.as_ref().is_some_and(|row| row.state == State::Failed)
}

fn failure(service: &Service) -> String {
    let ended = match (&service.row, service.step) {
        (Some(row), _) => Some(row.wstat),
        (None, Some(step)) => step.wstat,
        _ => None,
    };
    let how = ended.map(|wstat| format!(", last with {}", how(wstat))).unwrap_or_default();
    format!("{} has failed{how}", show(&service.name))
}

/// The end of a process in words.
fn how(wstat: u16) -> String {
    let what = if wstat & 0x7f == 0 { "exit code" } else { "signal" };
    format!("{what} {}", exit(wstat))
}

/// That a service doesn't do its work, if so.
fn problem(service: &Service) -> Option<String> {
    Some(format!("{} {}", show(&service.name), probed::problem(service)?))
}

/// Why a service isn't ready.
fn service_problem(all: &Snapshot, service: &Service, standing: &Standing, by_name: bool) -> Option<String> {
    let name = show(&service.name);
    let since = standing.since.map(|at| format!(" ({})", span(all.ago(at)))).unwrap_or_default();
    let waits_for: Vec<_> = all.names(&standing.waits_for).map(|needed| shown(&needed.name)).collect();
    let needs = waits_for.join(", ");
    Some(match standing.word {
        Word::Done | Word::Skipped => return None,
        Word::Up | Word::Ready | Word::Reloading => return problem(service),
        Word::Down | Word::Stopping if !standing.wanted && !by_name => return None,
        Word::Waiting if needs.is_empty() => format!("{name} waits for its turn"),
        Word::Waiting => format!("{name} waits for {needs}"),
        Word::Down if !needs.is_empty() => format!("{name} is down: it needs {needs}"),
        Word::Starting if service.kind == Kind::Oneshot => format!("{name} isn't done yet{since}"),
        Word::Starting => {
            let why = probed::unready(service).map(|why| format!(": {why}")).unwrap_or_default();
            format!("{name} isn't ready yet{since}{why}")
        }
        Word::Stopping => format!("{name} stops{since}"),
        Word::Down => format!("{name} is down{since}"),
        Word::Failed => failure(service),
        Word::Unknown => format!("{name} isn't on the status board"),
        Word::Backoff => {
            let (deaths, wstat) = service.row.as_ref().map_or((0, 0), |row| (row.deaths, row.wstat));
            let often = match deaths {
                0 | 1 => String::new(),
                count => format!(" {count} times"),
            };
            format!("{name} has ended{often}, last with {}", how(wstat))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{longrun, oneshot, running, starting};
    use wire::board::Cause;

    fn told(all: &Snapshot, asked: Asked, by_name: bool, host: u8) -> String {
        let chosen: Vec<usize> = (0..all.services.len()).collect();
        problems(all, asked, (&chosen, by_name), host, &|name| name == b"optional").join("; ")
    }

    fn ended(name: &str, state: State) -> Service {
        let mut service = longrun(name, state);
        if let Some(row) = &mut service.row {
            (row.cause, row.wstat, row.deaths) = (Cause::Own, 0x100, 6);
        }
        service
    }

    #[test]
    fn ready_is_what_all_that_is_wanted_is() {
        let mut all = running();
        let mut down = longrun("down", State::Down);
        if let Some(row) = &mut down.row {
            row.flags.0 = 0;
        }
        all.services =
            vec![longrun("a", State::Up), longrun("b", State::Ready), oneshot("c", true, None), down];
        assert_eq!(told(&all, Asked::Ready, false, b'S'), "");
        assert_eq!(told(&all, Asked::Ready, true, b'S'), "down is down (40 s)");
        all.services = vec![
            ended("mailer", State::Backoff),
            ended("optional", State::Failed),
            ended("web", State::Failed),
            longrun("db", State::Waiting),
        ];
        assert_eq!(
            told(&all, Asked::Ready, false, b'S'),
            "mailer has ended 6 times, last with exit code 1; web has failed, last with exit code 1; db isn't ready yet (40 s)"
        );
        all.services.clear();
        if let Some(header) = &mut all.header {
            header.phase = Phase::Stopping;
        }
        assert_eq!(told(&all, Asked::Ready, false, b'S'), "the container stops");
        assert_eq!(told(&all, Asked::Live, false, b'S'), "");
        all.header = None;
        assert_eq!(told(&all, Asked::Ready, false, b'S'), "there is no status board");
    }

    #[test]
    fn a_start_is_no_reason_to_kill_a_container() {
        let mut all = starting();
        let (first, mut second) = (oneshot("a", false, Some((true, None))), longrun("b", State::Down));
        (second.in_boot, second.up, second.needs) = (true, Some(false), vec![0]);
        all.services = vec![first, second, ended("web", State::Failed)];
        assert_eq!(
            told(&all, Asked::Ready, false, b'S'),
            "the start isn't over (100 s); a isn't done yet (95 s); b waits for a; web has failed, last with exit code 1"
                .replace("100 s", "1 min")
                .replace("95 s", "1 min")
        );
        assert_eq!(told(&all, Asked::Started, false, b'S'), "the start isn't over (1 min)");
        assert_eq!(told(&all, Asked::Live, false, b'S'), "");
    }

    #[test]
    fn what_does_not_do_its_work_is_not_ready_and_not_alive_if_unhealthy() {
        use crate::status::tests::probed;
        use wire::attended::{Liveness, Report};
        let why = || b"tcp ::1:80 timed out".to_vec();
        let live = |live| Report { live: Some(live), ..Report::default() };
        let mut all = running();
        all.services = vec![
            probed("late", State::Up, Report { unready: Some(why()), ..Report::default() }),
            probed("well", State::Ready, live(Liveness::Yes)),
            probed("fails", State::Ready, live(Liveness::Failing(why()))),
            probed("sick", State::Ready, live(Liveness::Unhealthy(why()))),
            probed("optional", State::Ready, live(Liveness::Unhealthy(why()))),
        ];
        assert_eq!(
            told(&all, Asked::Ready, false, b'S'),
            "late isn't ready yet (40 s): tcp ::1:80 timed out; fails fails a check: tcp ::1:80 timed out; \
             sick is unhealthy: tcp ::1:80 timed out"
        );
        assert_eq!(told(&all, Asked::Live, false, b'S'), "sick is unhealthy: tcp ::1:80 timed out");
        assert_eq!(told(&all, Asked::Started, false, b'S'), "");
    }

    #[test]
    fn what_only_a_new_container_helps() {
        let mut all = running();
        assert_eq!(told(&all, Asked::Live, false, b'R'), "");
        for (state, expected) in [
            (0, "process 1 is gone"),
            (b'T', "process 1 is stopped"),
            (b'D', "process 1 hangs in a system call"),
        ] {
            assert_eq!(told(&all, Asked::Live, false, state), expected);
        }
        all.services = vec![
            ended("mailer", State::Backoff),
            ended("web", State::Failed),
            ended("optional", State::Failed),
        ];
        assert_eq!(told(&all, Asked::Live, false, b'S'), "web has failed, last with exit code 1");
        assert_eq!(told(&all, Asked::Started, false, b'S'), "");
        if let Some(header) = &mut all.header {
            header.boot_code = 1;
        }
        assert_eq!(told(&all, Asked::Started, false, b'S'), "the start has failed with code 1");
    }
}
