//! All there is to know about one service.

use super::place::Place;
use super::probed::{self, Check};
use super::times::span;
use super::word::{Standing, Word, exit, last_exit, note, standing};
use super::{Kind, Service, Snapshot};
use crate::stamp;
use overlay::layout::SOURCES;
use overlay::log_dirs::{CURRENT, directories, tail};
use overlay::relay::file_name;
use rustix::fs::Access;
use rustix::io::Errno;
use std::time::Duration;
use supervision::board::read_record;
use tool::diag::{show, shown};
use tool::path::join;
use wire::board::{Cause, Flags, Row};
use wire::cgroup::show_size;
use wire::record::{Event, Kind as What};
use wire::zone::Zone;

/// So many lines of a log are shown.
const LINES: usize = 10;
/// They are looked for in this many bytes at a log's end.
const TAIL: usize = 16 * 1024;
/// So many ends of a daemon are shown.
const ENDS: usize = 5;

/// Where the definition of a service is, in the image's files below `etc` or in the overlay's own.
pub(crate) fn definition(etc: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let (name, is_logger) = match name.strip_suffix(b"/log") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let folders = [join(etc, b"s6-overlay/s6-rc.d"), SOURCES.into(), join(etc, b"services.d")];
    let found = folders.iter().map(|folder| join(folder, name)).map(|dir| match is_logger {
        true => join(&dir, b"log"),
        false => dir,
    });
    let mut found = found.filter(|dir| sys::fs::access(dir.as_slice(), Access::EXISTS).is_ok());
    found.next()
}

/// Whether the definition of a service says that the container's health doesn't depend on it.
pub(crate) fn is_optional(etc: &[u8], name: &[u8]) -> bool {
    definition(etc, name).is_some_and(|dir| sys::fs::access(join(&dir, b"optional"), Access::EXISTS).is_ok())
}

/// A log file, and its last lines.
type Log = (Vec<u8>, Vec<Vec<u8>>);

/// What isn't in a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Besides {
    definition: Option<Vec<u8>>,
    directory: Option<Vec<u8>>,
    log: Option<Log>,
    /// The last ends of the daemon, the newest one first.
    ends: Vec<Event>,
}

/// Reads what isn't in a snapshot.
pub(crate) fn besides(place: &Place, etc: &[u8], all: &Snapshot, service: &Service) -> Besides {
    let directory = service.row.as_ref().map(|row| join(&place.scandir(), &row.name));
    let mut ends = Vec::new();
    if let Ok(record) = read_record(&place.record()) {
        let of_service = |event: &Event| event.kind == What::Ended && event.name.is(&service.name);
        ends.extend(record.events.into_iter().rev().map(|(.., event)| event).filter(of_service).take(ENDS));
    }
    let log = log(place, all, service).ok().flatten();
    Besides { definition: definition(etc, &service.name), directory, log, ends }
}

/// The log of a service, as far as it has one, and its last lines: what its logger writes, or what is kept of its output.
///
/// # Errors
/// It can't be read.
fn log(place: &Place, all: &Snapshot, service: &Service) -> Result<Option<Log>, Errno> {
    let of_legacy = join(&service.name, b"log");
    let logger = service.logger.and_then(|at| all.services.get(at));
    let logger = logger.or_else(|| all.services.iter().find(|other| other.name == of_legacy));
    let mut files = Vec::new();
    if let Some(row) = logger.and_then(|logger| logger.row.as_ref()) {
        let dirs = directories(&join(&place.scandir(), &row.name), Some(row.pid), false);
        files.extend(dirs.iter().map(|dir| join(dir, CURRENT)));
    }
    files.push(join(&place.kept(), &file_name(&service.name)));
    last_of(files)
}

/// The first of these files that can be read, and its last lines.
fn last_of(files: Vec<Vec<u8>>) -> Result<Option<Log>, Errno> {
    let mut why = None;
    for path in files {
        match tail(&path, TAIL) {
            Ok((text, _)) => return Ok(Some((path, last_lines(&text)))),
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(e) => why = Some(e),
        }
    }
    why.map_or(Ok(None), Err)
}

/// Adds what those services said last that need attention, as far as they have a log.
pub(crate) fn add_messages(place: &Place, all: &mut Snapshot) {
    for at in 0..all.services.len() {
        let needs_it = |service: &&Service| standing(all, service).needs_attention();
        let Some(service) = all.services.get(at).filter(needs_it) else { continue };
        match log(place, all, service) {
            Ok(found) => {
                let line = found.and_then(|(_, mut lines)| lines.pop());
                let text = line.map(|line| stamp::read(&line, &Zone::UTC).2.to_vec());
                all.services.get_mut(at).into_iter().for_each(|service| service.message.clone_from(&text));
            }
            Err(_) if all.unreadable.contains(&"message") => {}
            Err(_) => all.unreadable.push("message"),
        }
    }
}

/// The last lines of a text.
fn last_lines(text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines: Vec<Vec<u8>> = text.rsplit(|b| *b == b'\n').take(LINES).map(<[u8]>::to_vec).collect();
    lines.reverse();
    lines.retain(|line| !line.is_empty());
    lines
}

/// Some services with their states: `db (ready), cache (backoff)`.
fn listed(all: &Snapshot, places: &[usize]) -> String {
    let one = |service: &Service| format!("{} ({})", show(&service.name), standing(all, service).word.text());
    all.names(places).map(one).collect::<Vec<_>>().join(", ")
}

/// The service as text, a fact a line.
pub(crate) fn text(all: &Snapshot, service: &Service, besides: &Besides) -> String {
    let state = standing(all, service);
    let mut text = head(all, service, &state) + "\n";
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<11} {value}\n"));
        }
    };
    let wanted = match state.word {
        Word::Unknown | Word::Skipped => "",
        _ if state.wanted => ", wanted up",
        _ => ", wanted down",
    };
    put("kind", &(service.kind.word().to_owned() + wanted));
    if let Some(row) = &service.row {
        daemon(service, row, &mut put);
    }
    reasons(all, service, &mut put);
    put("needs", &listed(all, &service.needs));
    put("needed by", &listed(all, &service.needed_by));
    put("logger", &listed(all, service.logger.as_slice()));
    put("definition", &besides.definition.as_deref().map(shown).unwrap_or_default());
    put("directory", &besides.directory.as_deref().map(shown).unwrap_or_default());
    for event in &besides.ends {
        put("ended", &end(all, event));
    }
    if let Some((path, lines)) = &besides.log {
        put("log", &shown(path));
        for line in lines {
            text.push_str(&format!("    {}\n", show(line)));
        }
    }
    text
}

/// What there is to say of a daemon only.
fn daemon(service: &Service, row: &Row, put: &mut dyn FnMut(&str, &str)) {
    if row.pid != 0 {
        let memory = service.memory.map(|bytes| format!(", {} of memory", show_size(bytes)));
        let cpu = service.cpu.map(|ms| format!(", {} of processor time", span(Duration::from_millis(ms))));
        put("process", &format!("{}{}{}", row.pid, memory.unwrap_or_default(), cpu.unwrap_or_default()));
    }
    let ready = row.ready.zip(row.started).map(|(at, started)| span(at.saturating_sub(started)));
    let readiness = match (row.flags.has(Flags::READINESS), ready) {
        (_, Some(after)) => format!("notified after {after}"),
        (true, None) => "not notified so far".to_owned(),
        // The supervisors' files say nothing of it.
        (false, None) => String::new(),
    };
    put("readiness", &readiness);
    let main = service.report.as_ref().and_then(|report| report.main_pid);
    put("main", &main.map(|pid| format!("process {pid}")).unwrap_or_default());
}

/// The first line about a service: its state, since when, and a note.
pub(crate) fn head(all: &Snapshot, service: &Service, state: &Standing) -> String {
    let mark = if state.needs_attention() { "! " } else { "" };
    let since = state.since.map(|at| format!(" for {}", span(all.ago(at)))).unwrap_or_default();
    let since = if state.word == Word::Done && service.kind == Kind::Oneshot { String::new() } else { since };
    let note = match note(all, service, state) {
        note if note.is_empty() => note,
        note => format!(": {note}"),
    };
    format!("{mark}{}: {}{since}{note}", show(&service.name), state.word.text())
}

/// Why a service is as it is: how it ended, what must hold, and what was found out of that.
pub(crate) fn reasons(all: &Snapshot, service: &Service, put: &mut dyn FnMut(&str, &str)) {
    if let Some(row) = service.row.as_ref().filter(|row| row.deaths > 0) {
        let in_a_row =
            if row.failures > 1 { format!(", {} failures in a row", row.failures) } else { String::new() };
        put("restarts", &format!("{}{in_a_row}", row.deaths));
    }
    if let Some(exit) = last_exit(service) {
        let ended = service.row.as_ref().and_then(|row| row.ended).or(service.step.map(|step| step.at));
        let ago = ended.map(|at| format!(", {} ago", span(all.ago(at)))).unwrap_or_default();
        put("last exit", &(exit + &ago));
    }
    if let Some(one) = &service.examined {
        one.each(&mut |condition, holds| {
            let not = if holds { "" } else { ": it doesn't hold" };
            put("only if", &(shown(condition) + not));
        });
    }
    let mut put_checks = |key: &str, checks: &[Check]| {
        for check in checks {
            let answer = check.answer.as_deref().map(shown).filter(|answer| !answer.is_empty());
            let rest = match (check.holds, answer) {
                (Some(true), _) => String::new(),
                (Some(false), Some(answer)) => format!(": it doesn't hold ({answer})"),
                (Some(false), None) => ": it doesn't hold".to_owned(),
                (None, _) => ": not known".to_owned(),
            };
            put(key, &(shown(&check.text) + &rest));
        }
    };
    if service.probes.is_some() {
        put_checks("ready if", &probed::readiness(service));
        put_checks("alive if", &probed::liveness(service));
    }
}

/// An end of a daemon: `40 s ago: 1 after 1.2 s`.
fn end(all: &Snapshot, event: &Event) -> String {
    let lived = event.value.map(|ns| format!(" after {}", span(Duration::from_nanos(ns))));
    let cause = match Cause::from_byte(event.how) {
        Cause::Own => String::new(),
        cause => format!(" ({})", cause.word()),
    };
    format!("{} ago: {}{cause}{}", span(all.ago(event.at)), exit(event.code), lived.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{longrun, oneshot, probed, running};
    use std::os::unix::ffi::OsStrExt;
    use wire::board::State;

    #[test]
    fn a_service_with_all_that_is_known() {
        let mut all = running();
        let mut web = longrun("web", State::Backoff);
        if let Some(row) = &mut web.row {
            (row.cause, row.wstat, row.deaths, row.failures) = (Cause::Own, 0x100, 6, 2);
            row.next_start = Some(Duration::from_secs(118));
            row.ended = Some(Duration::from_secs(60));
        }
        (web.needs, web.logger) = (vec![0], Some(2));
        let mut base = oneshot("base", true, Some((true, Some(0))));
        base.needed_by = vec![1];
        all.services = vec![base, web, longrun("web-log", State::Up)];
        let end = Event {
            at: Duration::from_secs(60),
            how: Cause::Own as u8,
            code: 0x100,
            value: Some(1_200_000_000),
            ..Event::default()
        };
        let besides = Besides {
            definition: Some(b"/etc/s6-overlay/s6-rc.d/web".to_vec()),
            directory: Some(b"/run/service/web".to_vec()),
            log: Some((b"/var/log/web/current".to_vec(), vec![b"a \x1b[31mline".to_vec()])),
            ends: vec![end],
        };
        let report = wire::attended::Report {
            unready: Some(b"unix /run/x nobody listens".to_vec()),
            main_pid: Some(9),
            status: b"loads".to_vec(),
            ..wire::attended::Report::default()
        };
        all.services.push(probed("late", State::Up, report));
        let none = Besides::default();
        let shown = [
            text(&all, &all.services[1], &besides),
            text(&all, &all.services[0], &none),
            text(&all, &all.services[3], &none),
        ];
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn the_log_of_a_logger_is_where_its_script_says() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::create_dir(&log).unwrap();
        let lines: String = (0..20).map(|n| format!("line {n}\n")).collect();
        std::fs::write(log.join("current"), lines).unwrap();
        let script = format!("#!/bin/sh\nexec logutil-service /nowhere \"{}\"\n", log.display());
        std::fs::write(dir.path().join("run"), script).unwrap();
        let read = || {
            let dirs = directories(dir.path().as_os_str().as_bytes(), Some(0), false);
            last_of(dirs.iter().map(|dir| join(dir, CURRENT)).collect())
        };
        let (path, lines) = read().unwrap().unwrap();
        assert_eq!(path, log.join("current").as_os_str().as_bytes());
        assert_eq!(
            (lines.len(), lines.first(), lines.last()),
            (10, Some(&b"line 10".to_vec()), Some(&b"line 19".to_vec()))
        );
        std::fs::remove_file(log.join("current")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", log.join("current")).unwrap();
        assert_eq!(read(), Err(Errno::LOOP), "a link may be another user's");
        assert_eq!(last_of(vec![b"/nowhere/current".to_vec()]), Ok(None));
    }

    #[test]
    fn optional_is_a_file_in_a_definition() {
        let dir = tempfile::tempdir().unwrap();
        let etc = dir.path().as_os_str().as_bytes();
        for path in ["s6-overlay/s6-rc.d/web", "services.d/old/log"] {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
            std::fs::write(dir.path().join(path).join("optional"), "").unwrap();
        }
        assert!(is_optional(etc, b"web") && is_optional(etc, b"old/log"));
        assert!(!is_optional(etc, b"old") && !is_optional(etc, b"none"));
    }
}
