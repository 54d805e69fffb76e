//! Pure: the state of a service in one word, what to say about it, and whether it needs somebody.

use super::times::span;
use super::{Kind, Service, Snapshot, probed};
use std::time::Duration;
use tool::diag::shown;
use wire::attended;
use wire::board::{Cause, Flags, Phase, Row, State};

/// The state of a service, in the words that people and programs get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Not started yet: for what it needs.
    Waiting,
    /// On its way up.
    Starting,
    /// It runs, and doesn't declare its readiness.
    Up,
    /// It runs, and has notified its readiness.
    Ready,
    /// It was ready, and says that it reads its configuration again.
    Reloading,
    /// On its way down.
    Stopping,
    /// Not running, and nobody wants it to.
    Down,
    /// It has ended by itself, and is started again.
    Backoff,
    /// It has failed, and isn't started again.
    Failed,
    /// A oneshot that was carried out, or a daemon that has ended with success.
    Done,
    /// It isn't in this container: a condition doesn't hold, a variable names it, or it needs what isn't there.
    Skipped,
    /// It can't be told.
    Unknown,
}

impl Word {
    /// The word itself.
    pub fn text(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Ready => "ready",
            Self::Reloading => "reloading",
            Self::Stopping => "stopping",
            Self::Down => "down",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the service does, or has done, what it is for.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Up | Self::Ready | Self::Reloading | Self::Done)
    }
}

/// The state of a service, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub word: Word,
    /// Whether it should be up.
    pub wanted: bool,
    /// Since when.
    pub since: Option<Duration>,
    /// What it waits for: places among the services.
    pub waits_for: Vec<usize>,
    /// Whether so many of its checks have failed that something follows.
    pub is_unhealthy: bool,
}

impl Standing {
    /// Whether somebody has to look at it: it should be up, and won't be without a change, or doesn't do its work.
    pub fn needs_attention(&self) -> bool {
        match self.word {
            Word::Backoff | Word::Failed => true,
            Word::Down => self.wanted,
            _ => self.is_unhealthy,
        }
    }
}

/// The state of a service.
pub fn standing(all: &Snapshot, service: &Service) -> Standing {
    let header = all.header.as_ref();
    let phase = all.phase();
    let is_starting = phase == Phase::Starting;
    // The start has left it out, or has given it up.
    let is_missing = phase == Phase::Running
        && header.is_some_and(|header| header.boot_code != 0)
        && service.in_boot
        && service.up == Some(false)
        && !was_stopped_later(all, service);
    let expected = (is_starting && service.in_boot && service.up != Some(true)) || is_missing;
    let mut waits_for = service.needs.clone();
    waits_for.retain(|at| all.services.get(*at).is_some_and(|needed| needed.up == Some(false)));
    let idle = |since: Option<Duration>, has_run: bool| {
        let word = match () {
            () if is_missing && has_run => Word::Failed,
            () if is_starting && expected => Word::Waiting,
            () => Word::Down,
        };
        (word, since)
    };
    let (word, since) = match (&service.row, service.kind) {
        (None, _) if service.absent().is_some() => (Word::Skipped, None),
        (Some(row), _) => match of_row(row) {
            Some(word) => (said(service, word), row.since),
            None => idle(row.since, row.starts > 0),
        },
        (None, Kind::Longrun) if service.up == Some(true) => (Word::Unknown, None),
        (None, Kind::Longrun) => idle(None, false),
        (None, Kind::Oneshot) => match service.step {
            Some(step) if step.wstat.is_none() => {
                (if step.up { Word::Starting } else { Word::Stopping }, Some(step.at))
            }
            step if service.up == Some(true) => (Word::Done, step.map(|step| step.at)),
            Some(step) if step.up && step.wstat != Some(0) => (Word::Failed, Some(step.at)),
            step => idle(step.map(|step| step.at), false),
        },
    };
    let wanted = match &service.row {
        Some(row) => row.flags.has(Flags::WANTED) || expected || word == Word::Failed,
        None => service.up == Some(true) || expected || word == Word::Failed,
    };
    match word {
        Word::Waiting => waits_for.extend(service.wants.iter().filter(|at| is_under_way(all, **at))),
        Word::Down if wanted => {}
        _ => waits_for.clear(),
    }
    Standing { word, wanted, since, waits_for, is_unhealthy: probed::is_unhealthy(service) }
}

/// Whether the start hasn't done with a service yet.
fn is_under_way(all: &Snapshot, at: usize) -> bool {
    let service = all.services.get(at).filter(|service| service.in_boot && service.up == Some(false));
    service.is_some_and(|service| match (&service.row, service.step) {
        (Some(row), _) => row.state != State::Failed,
        (None, step) => step.is_none_or(|step| step.wstat.is_none()),
    })
}

/// Whether a service was stopped after the start of the container was over.
fn was_stopped_later(all: &Snapshot, service: &Service) -> bool {
    let over = all.header.as_ref().and_then(|header| header.started);
    let since = match (&service.row, service.step) {
        (Some(row), _) if row.state == State::Down => row.since,
        (None, Some(step)) if !step.up => Some(step.at),
        _ => None,
    };
    over.zip(since).is_some_and(|(over, since)| since > over)
}

/// The word for a record of the board; `None` for a service that is down because nobody has started it.
fn of_row(row: &Row) -> Option<Word> {
    Some(match row.state {
        State::Up if row.flags.has(Flags::READINESS) => Word::Starting,
        State::Up => Word::Up,
        State::Ready => Word::Ready,
        State::Waiting => Word::Starting,
        State::Backoff => Word::Backoff,
        State::Stopping | State::Finishing => Word::Stopping,
        State::Failed => Word::Failed,
        State::Done => Word::Done,
        State::Unknown => Word::Unknown,
        State::Down | State::Unsupervised => return None,
    })
}

/// The word for a service that may say itself what it does.
fn said(service: &Service, word: Word) -> Word {
    let phase = service.report.as_ref().and_then(|report| report.phase);
    match (word, phase) {
        (Word::Up | Word::Ready, Some(attended::Phase::Reloading)) => Word::Reloading,
        (Word::Up | Word::Ready | Word::Starting, Some(attended::Phase::Stopping)) => Word::Stopping,
        _ => word,
    }
}

/// How `run` ended the last time, as wait(2) gives it, and why; `None` if it hasn't.
pub(crate) fn last_end(service: &Service) -> Option<(u16, Cause)> {
    match (&service.row, service.step) {
        (Some(row), _) if !matches!(row.cause, Cause::None | Cause::Unknown) => Some((row.wstat, row.cause)),
        (None, Some(step)) => Some((step.wstat?, Cause::Own)),
        _ => None,
    }
}

/// The same in words: `1`, `KILL, memory`.
pub(crate) fn last_exit(service: &Service) -> Option<String> {
    let (wstat, cause) = last_end(service)?;
    let why = match cause {
        Cause::Memory => ", memory",
        Cause::Timeout => ", too slow",
        Cause::Unhealthy => ", unhealthy",
        _ => "",
    };
    Some(exit(wstat) + why)
}

/// An exit status as wait(2) gives it: a code, or a signal's name without `SIG`.
pub(crate) fn exit(wstat: u16) -> String {
    match i32::from(wstat & 0x7f) {
        0 => (wstat >> 8).to_string(),
        signal => match sys::signal::name(signal) {
            Some(name) => name.trim_start_matches("SIG").to_owned(),
            None => signal.to_string(),
        },
    }
}

/// An exit status as wait(2) gives it, in words: `exit code 1`, `SIGKILL`; all ones for what couldn't be run.
pub fn ended(wstat: u16) -> String {
    match wstat & 0x7f {
        _ if wstat == u16::MAX => "couldn't be run".to_owned(),
        0 => format!("exit code {}", exit(wstat)),
        _ => format!("SIG{}", exit(wstat)),
    }
}

/// What else there is to say about a service, in a few words; empty for nothing.
pub(crate) fn note(all: &Snapshot, service: &Service, standing: &Standing) -> String {
    if let Some(reason) = service.absent() {
        return reason.to_owned();
    }
    if !standing.waits_for.is_empty() {
        let names: Vec<_> = all.names(&standing.waits_for).map(|service| shown(&service.name)).collect();
        let needs = if standing.word == Word::Waiting { "for " } else { "needs " };
        return needs.to_owned() + &names.join(", ");
    }
    let Some(row) = &service.row else {
        return match (standing.word, service.step.and_then(|step| step.took)) {
            (Word::Done | Word::Failed, Some(took)) if took >= Duration::from_secs(1) => {
                format!("took {}", span(took))
            }
            _ => String::new(),
        };
    };
    let in_a_row = match row.failures {
        0 | 1 => String::new(),
        count => format!(", {count} failures in a row"),
    };
    match standing.word {
        Word::Backoff => match row.next_start {
            Some(at) => format!("next start in {}{in_a_row}", span(at.saturating_sub(all.now.0))),
            None => in_a_row.trim_start_matches(", ").to_owned(),
        },
        Word::Failed if row.state == State::Failed => format!("isn't started again{in_a_row}"),
        Word::Failed => "wasn't up in time".to_owned(),
        Word::Down if row.state == State::Unsupervised && standing.wanted => "isn't supervised".to_owned(),
        Word::Stopping if row.state == State::Finishing => "finish runs".to_owned(),
        _ if row.flags.has(Flags::PAUSED) => "paused".to_owned(),
        Word::Up | Word::Ready | Word::Reloading | Word::Starting | Word::Stopping
            if service.report.is_some() =>
        {
            probed::note(service)
        }
        Word::Up | Word::Ready if row.cause == Cause::Memory && row.deaths > 0 => {
            "the memory limit was reached".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{longrun, oneshot, probed, running, starting};
    use s6_rc::condition::Examined;

    fn told(all: &Snapshot) -> String {
        let line = |service: &Service| {
            let standing = standing(all, service);
            let mark = if standing.needs_attention() { '!' } else { ' ' };
            let (word, note) = (standing.word.text(), note(all, service, &standing));
            let exit = last_exit(service).unwrap_or_else(|| "-".to_owned());
            format!("{mark} {} {word} {exit} {note}", tool::diag::show(&service.name)).trim_end().to_owned()
        };
        all.services.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_state_of_a_daemon_has_its_word() {
        let mut all = running();
        all.services = State::ALL
            .iter()
            .flat_map(|(state, name)| {
                [Flags::WANTED, 0].map(|wanted| {
                    let mut service = longrun(name, *state);
                    if let Some(row) = &mut service.row {
                        row.flags = Flags(wanted);
                    }
                    service
                })
            })
            .collect();
        assert_eq!(
            told(&all),
            "! unsupervised down - isn't supervised\n  unsupervised down -\n! down down -\n  down down -\n  waiting starting -\n  \
             waiting starting -\n! backoff backoff -\n! backoff backoff -\n  up up -\n  up up -\n  ready ready -\n  ready ready -\n  \
             stopping stopping -\n  stopping stopping -\n  finishing stopping - finish runs\n  finishing stopping - finish runs\n\
             ! failed failed - isn't started again\n! failed failed - isn't started again\n  done done -\n  done done -"
        );
    }

    #[test]
    fn what_readiness_ends_and_backoff_add() {
        let mut all = running();
        let mut slow = longrun("slow", State::Up);
        let mut loops = longrun("loops", State::Backoff);
        let mut fat = longrun("fat", State::Ready);
        for (service, row) in [
            (
                &mut slow,
                Row { cause: Cause::None, flags: Flags(Flags::READINESS | Flags::WANTED), ..Row::default() },
            ),
            (
                &mut loops,
                Row {
                    cause: Cause::Own,
                    wstat: 0x100,
                    failures: 6,
                    next_start: Some(all.now.0 + Duration::from_secs(18)),
                    ..Row::default()
                },
            ),
            (&mut fat, Row { cause: Cause::Memory, wstat: 9, deaths: 1, ..Row::default() }),
        ] {
            let state = service.row.as_ref().map(|row| row.state).unwrap_or_default();
            service.row = Some(Row { state, ..row });
        }
        all.services = vec![slow, loops, fat];
        assert_eq!(
            told(&all),
            "  slow starting -\n! loops backoff 1 next start in 18 s, 6 failures in a row\n  \
             fat ready KILL, memory the memory limit was reached"
        );
    }

    #[test]
    fn what_the_attendant_has_found_out_is_told() {
        use wire::attended::{Liveness, Report};
        let why = || b"listen 80: nobody listens".to_vec();
        let live = |live| Report { live: Some(live), ..Report::default() };
        let says = |phase| Report { phase, status: b"3 of 4".to_vec(), ..Report::default() };
        let mut all = running();
        all.services = vec![
            probed("late", State::Up, Report { unready: Some(why()), ..Report::default() }),
            probed("fails", State::Ready, live(Liveness::Failing(why()))),
            probed("sick", State::Ready, live(Liveness::Unhealthy(why()))),
            probed("well", State::Ready, live(Liveness::Yes)),
            probed("reloads", State::Ready, says(Some(attended::Phase::Reloading))),
            probed("stops", State::Ready, says(Some(attended::Phase::Stopping))),
            probed("works", State::Ready, says(None)),
            probed("ended", State::Backoff, live(Liveness::Failing(why()))),
        ];
        assert_eq!(
            told(&all),
            "  late starting - listen 80: nobody listens\n  fails ready - fails a check: listen 80: nobody listens\n\
             ! sick ready - is unhealthy: listen 80: nobody listens\n  well ready -\n  reloads reloading - 3 of 4\n  \
             stops stopping - 3 of 4\n  works ready - 3 of 4\n! ended backoff -"
        );
    }

    #[test]
    fn a_start_shows_what_waits_for_what() {
        let mut all = starting();
        all.services = vec![
            oneshot("a", true, None),
            oneshot("b", false, Some((true, None))),
            longrun("c", State::Down),
            oneshot("d", false, None),
            oneshot("other", false, None),
        ];
        for at in 0..4 {
            all.services[at].in_boot = true;
        }
        all.services[2].up = Some(false);
        all.services[2].needs = vec![0, 1];
        all.services[3].needs = vec![2];
        // What it wants counts while that is under way.
        all.services[3].wants = vec![0, 1];
        let while_starting =
            "  a done -\n  b starting -\n  c waiting - for b\n  d waiting - for c, b\n  other down -";
        assert_eq!(told(&all), while_starting);
        // The start is over, and has failed.
        if let Some(header) = &mut all.header {
            header.phase = Phase::Running;
            header.boot_code = 1;
        }
        all.services[1].step = oneshot("b", false, Some((true, Some(0x700)))).step;
        assert_eq!(
            told(&all),
            "  a done -\n! b failed 7 took 4.1 s\n! c down - needs b\n! d down - needs c\n  other down -"
        );
    }

    #[test]
    fn what_is_not_in_the_container_says_why() {
        let mut all = starting();
        let absent = Examined { absent: Some("A isn't set".to_owned()), ..Examined::default() };
        let absent = Service { name: b"a".to_vec(), examined: Some(absent), ..Service::default() };
        all.services = vec![absent];
        assert_eq!(told(&all), "  a skipped - A isn't set");
        let Standing { wanted, waits_for, .. } = standing(&all, &all.services[0]);
        assert_eq!((wanted, waits_for), (false, Vec::new()));
    }

    #[test]
    fn what_was_stopped_on_purpose_needs_nobody() {
        let mut all = running();
        let mut service = longrun("a", State::Down);
        (service.in_boot, service.up) = (true, Some(false));
        if let Some(row) = &mut service.row {
            row.flags = Flags(0);
            row.starts = 1;
        }
        all.services = vec![service];
        let at = |all: &mut Snapshot, seconds| {
            all.services[0].row.as_mut().unwrap().since = Some(Duration::from_secs(seconds));
            all.header.as_mut().unwrap().boot_code = 1;
            told(all)
        };
        assert_eq!(
            (at(&mut all, 50), at(&mut all, 5)),
            ("  a down -".into(), "! a failed - wasn't up in time".into())
        );
    }

    #[test]
    fn exits_are_codes_or_signals() {
        assert_eq!(
            (exit(0), exit(0x700), exit(9), exit(15)),
            ("0".into(), "7".into(), "KILL".into(), "TERM".into())
        );
        assert_eq!([ended(0x700), ended(9), ended(u16::MAX)], ["exit code 7", "SIGKILL", "couldn't be run"]);
    }
}
