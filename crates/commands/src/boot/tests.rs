//! Starts as charts and as documents.

use super::chart::{Form, chart};
use super::document::document;
use super::start::Start;
use crate::status::tests::{longrun, oneshot, running, starting};
use crate::status::{Service, Snapshot};
use std::time::Duration;
use supervision::board::Record;
use wire::board::{Flags, Header, State};
use wire::record::{Event, Kind, Name, Ring};

/// Milliseconds after the container began, what has happened, to what, a code.
type Happened<'a> = (u64, Kind, &'a str, u16);

fn record(events: &[Happened<'_>]) -> Record {
    let event = |(ms, kind, name, code): Happened<'_>| Event {
        kind,
        at: Duration::from_millis(ms),
        how: 1,
        code,
        name: Name::new(name.as_bytes()),
        ..Event::default()
    };
    let events = (1..).zip(events).map(|(number, told)| (Ring::Services, number, event(*told))).collect();
    Record { clocks: (Duration::ZERO, Duration::ZERO), events, damaged: 0 }
}

/// What a container has, each part with what it needs.
fn services() -> Vec<Service> {
    let ready = |name: &str| {
        let mut service = longrun(name, State::Ready);
        if let Some(row) = &mut service.row {
            row.flags = Flags(Flags::WANTED | Flags::READINESS);
        }
        service
    };
    let done = |name: &str| oneshot(name, true, None);
    let cron = longrun("cron", State::Up);
    // By their places: needs are below.
    let mut all = vec![
        done("empty"),
        done("legacy-cont-init"),
        done("legacy-services"),
        done("migrate"),
        ready("nginx"),
        ready("php-fpm"),
        ready("postgres"),
        cron,
    ];
    for (at, needs) in [(0, &[1][..]), (2, &[4]), (3, &[0, 6]), (4, &[5]), (5, &[3, 6]), (6, &[0])] {
        all[at].needs = needs.to_vec();
    }
    for service in &mut all[..7] {
        (service.up, service.in_boot) = (Some(true), true);
    }
    all
}

const BEGINNING: [Happened<'_>; 9] = [
    (0, Kind::BootBegan, "", 0),
    (2, Kind::StepBegan, "stage2-hook", 0),
    (52, Kind::StepOver, "stage2-hook", 0),
    (64, Kind::ChangeBegan, "", 0),
    (65, Kind::OneshotBegan, "legacy-cont-init", 0),
    (66, Kind::ScriptBegan, "10-chown", 0),
    (766, Kind::ScriptEnded, "10-chown", 0),
    (766, Kind::ScriptBegan, "20-a-script-with-a-very-long-name", 0),
    (769, Kind::ScriptEnded, "20-a-script-with-a-very-long-name", 0x200),
];

const ALL: [Happened<'_>; 16] = [
    (770, Kind::OneshotEnded, "legacy-cont-init", 0),
    (771, Kind::WantedUp, "postgres", 0),
    (772, Kind::Started, "postgres", 0),
    (1100, Kind::Ended, "postgres", 9),
    (1110, Kind::Started, "postgres", 0),
    (1520, Kind::Ready, "postgres", 0),
    (1521, Kind::OneshotBegan, "migrate", 0),
    (5621, Kind::OneshotEnded, "migrate", 0),
    (5622, Kind::WantedUp, "php-fpm", 0),
    (5622, Kind::Started, "php-fpm", 0),
    (6200, Kind::Ready, "php-fpm", 0),
    (6201, Kind::Started, "nginx", 0),
    (6420, Kind::Ready, "nginx", 0),
    (6421, Kind::OneshotBegan, "legacy-services", 0),
    (6421, Kind::Started, "cron", 0),
    (6421, Kind::OneshotEnded, "legacy-services", 0),
];

fn sample() -> (Snapshot, Record) {
    let mut all = running();
    all.services = services();
    if let Some(header) = &mut all.header {
        header.started = Some(Duration::from_millis(6430));
    }
    // Later, a service is started again.
    let later =
        [(6430, Kind::BootOver, "", 0), (9000, Kind::Ended, "nginx", 0), (9001, Kind::Started, "nginx", 0)];
    (all, record(&[&BEGINNING[..], &ALL, &later].concat()))
}

fn shown(all: &Snapshot, record: &Record, width: usize) -> String {
    let form = Form { width, colour: false, is_ascii: false };
    let text = chart(&Start::of(all, record).unwrap(), all, form);
    for line in text.lines() {
        assert!(line.chars().count() <= width.max(30), "{width}: {line}");
    }
    format!("{width}:\n{text}")
}

#[test]
fn a_chart_of_any_width() {
    let (all, record) = sample();
    insta::assert_snapshot!([120, 80, 40, 10].map(|width| shown(&all, &record, width)).join("\n"));
    let form = Form { width: 60, colour: true, is_ascii: true };
    let text = chart(&Start::of(&all, &record).unwrap(), &all, form);
    assert!(text.is_ascii(), "{text}");
    assert!(
        text.lines().any(|line| line.starts_with("\x1b[1mmigrate") && line.ends_with("\x1b[0m")),
        "{text}"
    );
}

#[test]
fn a_start_that_goes_on_and_one_that_has_failed() {
    let (_, whole) = sample();
    let mut all = starting();
    all.services = services();
    all.now.0 = Duration::from_millis(3000);
    for (at, is_up) in [(2, false), (3, false), (4, false), (5, false), (6, true)] {
        all.services[at].up = Some(is_up);
    }
    for at in [4, 5] {
        all.services[at].row = None;
    }
    let going_on = shown(&all, &record(&[&BEGINNING[..], &ALL[..7]].concat()), 80);
    if let Some(header) = &mut all.header {
        (header.started, header.boot_code) = (Some(Duration::from_millis(2000)), 1);
    }
    all.header.as_mut().unwrap().phase = wire::board::Phase::Running;
    let failed = [(1900, Kind::OneshotEnded, "migrate", 0x300)];
    let failed = shown(&all, &record(&[&BEGINNING[..], &ALL[..7], &failed].concat()), 80);
    insta::assert_snapshot!([going_on, failed].join("\n"));
    all.header = None;
    assert!(Start::of(&all, &record(&[])).is_none());
    let start = Start::of(&all, &whole).unwrap();
    assert_eq!((start.took, start.code), (6_430_000, Some(0)), "without a board");
}

#[test]
fn what_was_overwritten_is_said() {
    let (mut all, whole) = sample();
    if let Some(row) = &mut all.services[4].row {
        (row.starts, row.started, row.ready) =
            (1, Some(Duration::from_millis(6201)), Some(Duration::from_millis(6420)));
    }
    let mut record = record(&[(200_000, Kind::Ended, "nginx", 0)]);
    record.events[0].1 = 9999;
    insta::assert_snapshot!(shown(&all, &record, 60));
    let has_remark = |record: &Record| {
        String::from_utf8(document(&Start::of(&all, record).unwrap(), &all))
            .unwrap()
            .contains("may be missing here")
    };
    assert_eq!((has_remark(&record), has_remark(&whole)), (true, false));
}

#[test]
fn a_start_without_anything_has_a_chart() {
    let mut all = Snapshot {
        header: Some(Header { begun: Some(Duration::ZERO), ..Header::default() }),
        ..Snapshot::default()
    };
    let empty = record(&[]);
    insta::assert_snapshot!(shown(&all, &empty, 30));
    all.now.0 = Duration::MAX;
    assert!(shown(&all, &empty, 30).contains("(compile)"));
}

#[test]
fn the_document_is_what_its_schema_says() {
    let (all, record) = sample();
    let text = document(&Start::of(&all, &record).unwrap(), &all);
    let value = crate::json::tests::valid("boot-1.json", &text);
    for part in value["parts"].as_array().unwrap() {
        let (part, schema) = (part.as_object().unwrap(), crate::json::tests::schema("boot-1.json"));
        let known = schema["$defs"]["part"]["properties"].as_object().unwrap();
        assert!(part.keys().all(|field| known.contains_key(field)), "{part:?}");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}
