//! `s6-overlay events`: what has happened in the container, and what happens.

use crate::json::Json;
use crate::status::gather::{gather, unix};
use crate::status::place::{Place, RUN};
use crate::status::times::{moment, parse_span, span};
use crate::status::word::ended;
use std::time::Duration;
use supervision::board::{Record, read_record};
use supervision::control::PROBES;
use tool::sorted::Map;
use tool::{
    Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool, clock,
    diag::{show, shown},
};
use wire::board::{Cause, StopBy};
use wire::cgroup::show_size;
use wire::record::{Event, Kind, Name, Ring, is_later};

pub static TOOL: Tool = Tool {
    name: "s6-overlay events",
    summary: "show what has happened in the container",
    operands: "",
    options: &[
        Opt::flag('f', "and go on with what happens").long("follow"),
        Opt::value('s', "span", "only of the last 90 (seconds), 10m, 2h, 1d").long("since"),
        Opt::flag('j', "a JSON document a line").long("json"),
        RUN,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    if !call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let since = match options.get('s') {
        None => None,
        Some(word) => {
            let wrong =
                || Fatal::user(format_args!("--since: {} is no span: write 90, 10m, 2h or 1d", show(word)));
            Some(clock::now().saturating_sub(parse_span(word).ok_or_else(wrong)?))
        }
    };
    let place = Place::of(call, &options);
    let mut seen = Seen::default();
    loop {
        let changes = place.changes();
        let record = read(&place)?;
        // The clock of the day may have been set since the record began.
        let now = (clock::now(), unix(clock::wall()));
        let mut names = None;
        let mut out = Out::new();
        for event in seen.fresh(&record) {
            if since.is_some_and(|since| event.at < since) {
                continue;
            }
            let name =
                whole_name(&event.name, &mut || names.get_or_insert_with(|| all_names(&place)).clone());
            let at = now.1.saturating_sub(now.0.saturating_sub(event.at));
            out.line(&if options.has('j') {
                json(event, &name, at)
            } else {
                line(event, &name, at).into_bytes()
            })?;
        }
        out.flush()?;
        if !options.has('f') {
            return Ok(Next::SUCCESS);
        }
        changes.wait(None, None);
    }
}

/// The record of a container.
pub(super) fn read(place: &Place) -> Result<Record, Fatal> {
    read_record(&place.record()).or_unable_to("read the record of events", &place.record())
}

/// The names of services, for those that are too long for an event.
fn all_names(place: &Place) -> Vec<Vec<u8>> {
    gather(place, false)
        .map(|all| all.services.into_iter().map(|service| service.name).collect())
        .unwrap_or_default()
}

/// The name of an event; its beginning and `…` if nothing has it any more.
fn whole_name(name: &Name, all: &mut dyn FnMut() -> Vec<Vec<u8>>) -> String {
    if name.is_whole() {
        return shown(&name.bytes);
    }
    match all().into_iter().find(|known| name.is(known)) {
        Some(known) => shown(&known),
        None => shown(&name.bytes) + "…",
    }
}

/// Whether it is about what probes services, which is the overlay's own, and isn't in trouble.
fn is_of_no_interest(event: &Event) -> bool {
    event.name.is(PROBES.as_bytes()) && !matches!(event.kind, Kind::Backoff | Kind::Failed)
}

/// What was printed: the newest number of each ring.
#[derive(Default)]
struct Seen(Map<Ring, u32>);

impl Seen {
    /// The events that weren't given yet.
    fn fresh<'a>(&mut self, record: &'a Record) -> Vec<&'a Event> {
        let before = self.0.clone();
        let mut fresh = Vec::new();
        for (ring, number, event) in &record.events {
            let is_newer = |than: Option<&u32>| than.is_none_or(|than| is_later(*number, *than));
            if is_newer(before.get(ring)) && !is_of_no_interest(event) {
                fresh.push(event);
            }
            if is_newer(self.0.get(ring)) {
                self.0.set(*ring, *number);
            }
        }
        fresh
    }
}

/// What an event's other fields say.
fn details(event: &Event) -> String {
    let process = || if event.pid == 0 { String::new() } else { format!("process {}", event.pid) };
    let code = || if event.code == 0 { String::new() } else { format!("code {}", event.code) };
    let after = event.value.map(|ns| format!("after {}", span(Duration::from_nanos(ns)))).unwrap_or_default();
    let direction = || if event.how == 0 { "down" } else { "up" }.to_owned();
    let ended = || ended(event.code);
    let words = match event.kind {
        Kind::Ended | Kind::CmdEnded => {
            let cause = match Cause::from_byte(event.how) {
                Cause::Own | Cause::None => String::new(),
                cause => format!("({})", cause.word()),
            };
            [ended(), cause, after]
        }
        Kind::FinishEnded => [ended(), String::new(), String::new()],
        Kind::OneshotEnded | Kind::ScriptEnded => [direction(), ended(), after],
        Kind::OneshotBegan | Kind::ScriptBegan | Kind::ChangeBegan => [direction(), process(), String::new()],
        Kind::Ready => [after, String::new(), String::new()],
        Kind::StepOver => [code(), after, String::new()],
        Kind::BootOver | Kind::StopOver | Kind::ChangeOver => [code(), String::new(), String::new()],
        Kind::Backoff | Kind::Failed if event.code == 1 => {
            ["the first failure".to_owned(), String::new(), String::new()]
        }
        Kind::Backoff | Kind::Failed => {
            [format!("{} failures in a row", event.code), String::new(), String::new()]
        }
        Kind::StopAsked => {
            let signal = (event.code != 0).then(|| sys::signal::name(event.code.into())).flatten();
            let user = event.value.map(|uid| format!("user {uid}")).unwrap_or_default();
            let by = StopBy::from_byte(event.how).word();
            [format!("by {by}{}", signal.map(|name| format!(" {name}")).unwrap_or_default()), process(), user]
        }
        Kind::MemoryKill => {
            let which = match (event.pid, event.code) {
                (0, 1) => "a process that isn't known".to_owned(),
                (0, count) => format!("{count} processes that aren't known"),
                _ => process(),
            };
            let peak = event.value.map(|bytes| format!("(its own peak: {})", show_size(bytes)));
            [which, peak.unwrap_or_default(), String::new()]
        }
        Kind::Reexecuted => {
            let why = match event.code {
                0 => "on command".to_owned(),
                signal => sys::signal::show(signal.into()),
            };
            [why, String::new(), String::new()]
        }
        _ => [process(), String::new(), String::new()],
    };
    words.iter().filter(|word| !word.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn line(event: &Event, name: &str, at: Duration) -> String {
    let name = if name.is_empty() { "–" } else { name };
    format!("{} {name:<16} {:<14} {}", moment(at), event.kind.word(), details(event)).trim_end().to_owned()
}

fn json(event: &Event, name: &str, at: Duration) -> Vec<u8> {
    let mut json = Json::new(b'{');
    json.text("at", Some(moment(at).as_bytes()));
    json.text("kind", Some(event.kind.word().as_bytes()));
    json.text("name", Some(name.as_bytes()).filter(|name| !name.is_empty()));
    json.number("pid", Some(u64::from(event.pid)).filter(|pid| *pid != 0));
    json.number("how", Some(event.how.into()));
    json.number("code", Some(event.code.into()));
    json.number("value", event.value);
    json.text("text", Some(details(event).as_bytes()));
    json.finish(b'}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind, how: u8, code: u16, value: Option<u64>) -> Event {
        Event { kind, how, code, value, pid: 7, name: Name::new(b"web"), ..Event::default() }
    }

    #[test]
    fn every_kind_says_what_its_fields_mean() {
        let at = Duration::from_secs(1_795_974_360);
        let of = |kind: Kind| match kind {
            Kind::StopAsked => event(kind, StopBy::Signal as u8, 15, Some(1000)),
            Kind::Ended | Kind::CmdEnded => event(kind, Cause::Memory as u8, 9, Some(1_500_000_000)),
            Kind::Reexecuted => event(kind, 0, 11, None),
            Kind::MemoryKill => event(kind, 0, 1, Some(60 << 20)),
            _ => event(kind, 1, 0x100, Some(2_000_000_000)),
        };
        let lines: Vec<_> = Kind::ALL.iter().map(|(kind, _)| line(&of(*kind), "web", at)).collect();
        insta::assert_snapshot!(lines.join("\n"));
        let unknown = |code| details(&Event { pid: 0, ..event(Kind::MemoryKill, 0, code, None) });
        assert_eq!([unknown(1), unknown(2)], ["a process that isn't known", "2 processes that aren't known"]);
        let text = json(&of(Kind::Ended), "a \"b\"", at);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#"{"at":"2026-11-29T17:46:00.000000Z","kind":"ended","name":"a \"b\"","pid":7,"how":4,"code":9,"value":1500000000,"text":"SIGKILL (memory) after 1.5 s"}"#
        );
    }

    #[test]
    fn what_probes_services_is_shown_in_trouble_only() {
        let of = |kind| Event { name: Name::new(PROBES.as_bytes()), ..event(kind, 0, 0, None) };
        assert!(is_of_no_interest(&of(Kind::Started)) && !is_of_no_interest(&of(Kind::Backoff)));
        assert!(!is_of_no_interest(&event(Kind::Started, 0, 0, None)));
    }

    #[test]
    fn an_event_is_given_once() {
        let with = |numbers: &[(Ring, u32)]| Record {
            clocks: (Duration::ZERO, Duration::ZERO),
            events: numbers
                .iter()
                .map(|(ring, number)| (*ring, *number, event(Kind::Ready, 0, 0, Some((*number).into()))))
                .collect(),
            damaged: 0,
        };
        let mut seen = Seen::default();
        let mut fresh = |numbers: &[(Ring, u32)]| {
            seen.fresh(&with(numbers)).iter().filter_map(|event| event.value).collect::<Vec<_>>()
        };
        let (a, b) = (Ring::Services, Ring::Changes);
        assert_eq!(fresh(&[(a, u32::MAX), (b, 5)]), [u64::from(u32::MAX), 5]);
        assert_eq!(fresh(&[(a, u32::MAX), (b, 5), (a, 0), (b, 6)]), [0, 6], "numbers wrap around");
        assert!(fresh(&[(a, u32::MAX), (b, 5), (a, 0), (b, 6)]).is_empty());
    }

    #[test]
    fn a_long_name_is_found_or_cut() {
        let long = b"a-name-that-is-much-too-long-for-an-event".to_vec();
        let mut all = || vec![b"web".to_vec(), long.clone()];
        assert_eq!(whole_name(&Name::new(&long), &mut all), shown(&long));
        assert_eq!(whole_name(&Name::new(&long), &mut Vec::new), "a-name-that-is-much-too-lon…");
        assert_eq!(whole_name(&Name::new(b"db"), &mut all), "db");
    }
}
