//! Pure: a container as a document: `s6-overlay.status/1`, whose schema is `docs/schema/status-1.json`.
//!
//! Within a version, fields are only added, and words of enumerations, which readers have to tolerate.  Numbers are
//! milliseconds or bytes; null is what isn't known, or what there is none of.

use super::probed::{self, Check};
use super::times::moment;
use super::why::put_policy;
use super::word::{Standing, Word, last_exit, note, standing};
use super::{Service, Snapshot};
use crate::json::Json;
use std::time::Duration;
use wire::board::{Cause, Phase, Row};

/// The name of the document's form.
pub(crate) const SCHEMA: &str = "s6-overlay.status/1";

/// The fields of a service, for the option that selects some of them.
pub(crate) const FIELDS: [&str; 27] = [
    "name",
    "kind",
    "wanted",
    "state",
    "attention",
    "pid",
    "since_ms",
    "since",
    "restarts",
    "failures_in_a_row",
    "last_exit",
    "next_start_ms",
    "waiting_for",
    "needs",
    "needed_by",
    "logger",
    "took_ms",
    "memory_bytes",
    "cpu_ms",
    "note",
    "message",
    "readiness",
    "liveness",
    "conditions",
    "says",
    "main_pid",
    "policy",
];

/// Milliseconds.
pub(crate) fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The document of some services, with these fields of each, or with all.
pub(crate) fn document(
    all: &Snapshot,
    chosen: &[usize],
    (ready, live): (bool, bool),
    fields: &[&str],
) -> Vec<u8> {
    let mut json = Json::new(b'{');
    json.text("schema", Some(SCHEMA.as_bytes()));
    let header = all.header.as_ref();
    json.text("phase", header.map(|header| header.phase.word().as_bytes()));
    json.number("uptime_ms", header.and_then(|header| header.begun).map(|begun| ms(all.ago(begun))));
    json.truth("ready", ready);
    json.truth("live", live);
    json.open("container", b'{');
    json.number("pid1", header.map(|header| header.pid.into()));
    let has_stopped = |header: &&wire::board::Header| matches!(header.phase, Phase::Stopping | Phase::Ending);
    json.text("stops_because", header.filter(has_stopped).map(|header| header.why.as_slice()));
    json.number("memory_bytes", all.memory.0);
    json.number("memory_limit", all.memory.1);
    json.number("oom_kills", all.kills.map(u64::from));
    json.close(b'}');
    json.open("services", b'[');
    for service in all.names(chosen) {
        json.open("", b'{');
        let standing = standing(all, service);
        for field in FIELDS {
            if fields.is_empty() || fields.contains(&field) {
                put(all, service, &standing, field, &mut json);
            }
        }
        json.close(b'}');
    }
    json.close(b']');
    json.texts("unreadable", &mut all.unreadable.iter().map(|name| name.as_bytes()));
    json.texts("remarks", &mut all.remarks.iter().map(String::as_bytes));
    json.finish(b'}')
}

/// One field of a service.
fn put(all: &Snapshot, service: &Service, standing: &Standing, field: &str, json: &mut Json) {
    let row = service.row.as_ref();
    let names =
        |places: &'_ [usize]| all.names(places).map(|service| service.name.clone()).collect::<Vec<Vec<u8>>>();
    let mut list = |places: &[usize]| json.texts(field, &mut names(places).iter().map(Vec::as_slice));
    match field {
        "name" => json.text(field, Some(&service.name)),
        "kind" => json.text(field, Some(service.kind.word().as_bytes())),
        "wanted" => json.text(field, Some(if standing.wanted { b"up" } else { b"down" })),
        "state" => json.text(field, Some(standing.word.text().as_bytes())),
        "attention" => json.truth(field, standing.needs_attention()),
        "pid" => json.number(field, row.map(|row| row.pid.into()).filter(|pid| *pid != 0)),
        "since_ms" => json.number(field, standing.since.map(|at| ms(all.ago(at)))),
        "since" => {
            let since = standing.since.map(|at| wall(all, at));
            json.text(field, since.as_deref().map(str::as_bytes));
        }
        "restarts" => json.number(field, service.deaths().map(u64::from)),
        "failures_in_a_row" => json.number(field, row.map(|row| row.failures.into())),
        "last_exit" => last(all, service, json),
        "next_start_ms" => {
            let next = row.filter(|_| standing.word == Word::Backoff).and_then(|row| row.next_start);
            json.number(field, next.map(|at| ms(at.saturating_sub(all.now.0))));
        }
        "waiting_for" => list(&standing.waits_for),
        "needs" => list(&service.needs),
        "needed_by" => list(&service.needed_by),
        "logger" => {
            let logger = service.logger.and_then(|at| all.services.get(at));
            json.text(field, logger.map(|logger| logger.name.as_slice()));
        }
        "took_ms" => json.number(field, service.step.and_then(|step| step.took).map(ms)),
        "memory_bytes" => json.number(field, service.memory),
        "cpu_ms" => json.number(field, service.cpu),
        "message" => json.text(field, service.message.as_deref()),
        "readiness" => checks(field, &probed::readiness(service), json),
        "liveness" => checks(field, &probed::liveness(service), json),
        "conditions" => conditions(service, json),
        "says" => {
            let status = service.report.as_ref().map(|report| report.status.as_slice());
            json.text(field, status.filter(|status| !status.is_empty()));
        }
        "policy" => put_policy(field, service.policy.as_ref(), json),
        "main_pid" => {
            let pid = service.report.as_ref().and_then(|report| report.main_pid);
            json.number(field, pid.map(u64::from));
        }
        _ => {
            let note = note(all, service, standing);
            json.text("note", Some(note.as_bytes()).filter(|note| !note.is_empty()));
        }
    }
}

/// What a service has to be ready or alive.
fn checks(field: &str, checks: &[Check], json: &mut Json) {
    json.open(field, b'[');
    for check in checks {
        json.open("", b'{');
        json.text("check", Some(&check.text));
        match check.holds {
            Some(holds) => json.truth("ok", holds),
            None => json.number("ok", None),
        }
        json.text("answer", check.answer.as_deref());
        json.close(b'}');
    }
    json.close(b']');
}

/// What has to hold for a service to be in the container.
fn conditions(service: &Service, json: &mut Json) {
    json.open("conditions", b'[');
    if let Some(one) = &service.examined {
        one.each(&mut |text, holds| {
            json.open("", b'{');
            json.text("text", Some(text));
            json.truth("holds", holds);
            json.close(b'}');
        });
    }
    json.close(b']');
}

fn wall(all: &Snapshot, at: Duration) -> String {
    moment(all.now.1.saturating_sub(all.ago(at)))
}

/// How the service ended the last time.
fn last(all: &Snapshot, service: &Service, json: &mut Json) {
    let (wstat, row) = match (last_exit(service), &service.row, service.step) {
        (Some(_), Some(row), _) => (row.wstat, row.clone()),
        (Some(_), None, Some(step)) => (
            step.wstat.unwrap_or_default(),
            Row { ended: Some(step.at), cause: Cause::Own, ..Row::default() },
        ),
        _ => return json.text("last_exit", None),
    };
    json.open("last_exit", b'{');
    let (code, signal) = (u64::from(wstat >> 8), u64::from(wstat & 0x7f));
    json.number("code", Some(code).filter(|_| signal == 0));
    json.number("signal", Some(signal).filter(|signal| *signal != 0));
    let cause = match (row.cause, signal) {
        (Cause::Own, 0) => "exit",
        (Cause::Own, _) => "signal",
        (cause, _) => cause.word(),
    };
    json.text("cause", Some(cause.as_bytes()));
    json.text("at", row.ended.map(|at| wall(all, at)).as_deref().map(str::as_bytes));
    json.number("peak_rss", row.peak);
    json.close(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{longrun, oneshot, probed, running};
    use wire::attended::Report;
    use wire::board::{Flags, State};

    fn sample() -> Snapshot {
        let mut all = running();
        let mut web = longrun("web \"1\"", State::Backoff);
        if let Some(row) = &mut web.row {
            (row.cause, row.wstat, row.deaths) = (Cause::Memory, 9, 6);
            (row.ended, row.next_start) = (Some(Duration::from_secs(60)), Some(Duration::from_secs(118)));
            row.peak = Some(7_340_032);
            row.flags = Flags(Flags::WANTED | Flags::READINESS);
        }
        web.policy = Some(wire::restart_policy::RestartPolicy::default());
        (web.needs, web.message) = (vec![1], Some(b"no memory".to_vec()));
        let unready = Some(b"unix /run/x answered \"no\"".to_vec());
        let report =
            Report { pid: 7, unready, status: b"loads".to_vec(), main_pid: Some(9), ..Report::default() };
        let late = probed("late", State::Up, report);
        all.services = vec![web, oneshot("base", true, Some((true, Some(0)))), late];
        all.unreadable = vec!["memory"];
        all
    }

    #[test]
    fn the_document_is_what_its_schema_says() {
        let text = document(&sample(), &[0, 1, 2], (false, true), &[]);
        let value = crate::json::tests::valid("status-1.json", &text);
        // Each field is in the schema, and in the document: null is what isn't known.
        let of_service = &crate::json::tests::schema("status-1.json")["$defs"]["service"];
        for field in FIELDS {
            assert!(of_service["properties"].get(field).is_some(), "{field}");
            assert!(value["services"][0].get(field).is_some(), "{field}");
        }
        insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
    }

    #[test]
    fn selected_fields_are_all_that_there_is_of_a_service() {
        let text = document(&sample(), &[0], (false, true), &["state", "name"]);
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(r#""services":[{"name":"web \"1\"","state":"backoff"}],"#), "{text}");
    }
}
