//! As a trace, which ui.perfetto.dev and chrome://tracing open: Trace Event JSON.
//!
//! Each part has a track: a slice that is called as it is, within that its phases, and an instant for each end of a daemon.  Flows
//! lead from what a part had to wait for to its beginning.  Times are microseconds.

use super::parts::{Timeline, kind};
use commands::boot::said::Line;
use commands::boot::start::{Part, Sort};
use serde_json::{Value, json};

/// The process that all tracks are in.
const PROCESS: u32 = 1;

/// The trace.
pub(super) fn print(timeline: &Timeline<'_>) -> String {
    let mut events = vec![json!({
        "ph": "M", "name": "process_name", "pid": PROCESS, "tid": 0, "args": { "name": "the start of the container" }
    })];
    let lines = timeline.lines();
    let begun: Vec<&Line<'_>> = lines.iter().filter(|line| line.part.began.is_some()).collect();
    for (number, line) in (1_u32..).zip(&begun) {
        let part = line.part;
        for (name, value) in [
            ("thread_name", json!({ "name": part.name })),
            ("thread_sort_index", json!({ "sort_index": number })),
        ] {
            events.push(json!({ "ph": "M", "name": name, "pid": PROCESS, "tid": number, "args": value }));
        }
        slices(timeline, line, number, &mut events);
    }
    let mut flows = 0_u32;
    for (number, line) in (1_u32..).zip(&begun) {
        for need in line.part.needs.iter().filter_map(|at| timeline.start.part(*at)) {
            let from = (1_u32..).zip(&begun).find(|(_, other)| std::ptr::eq(other.part, need));
            if let Some((from, _)) = from {
                flows += 1;
                events.extend(flow(flows, (from, need), (number, line.part)));
            }
        }
    }
    format!("{:#}\n", json!({ "displayTimeUnit": "ms", "traceEvents": events }))
}

/// A part's slice and what is in it.
fn slices(timeline: &Timeline<'_>, line: &Line<'_>, track: u32, events: &mut Vec<Value>) {
    let part = line.part;
    let (began, end) = (part.began.unwrap_or_default(), last(part));
    let mut slice = |name: &str, category: &str, from: u64, to: u64, about: Value| {
        events.push(json!({
            "ph": "X", "name": name, "cat": category, "pid": PROCESS, "tid": track,
            "ts": from, "dur": to.saturating_sub(from), "args": about
        }));
    };
    let needs = part.needs.iter().filter_map(|at| timeline.start.part(*at));
    let needs: Vec<&str> = needs.map(|need| need.name.as_str()).collect();
    if let Some(from) = timeline.start.changed.filter(|from| part.sort != Sort::Step && *from < began) {
        slice("waits", "waits", from, began, json!({ "for": needs }));
    }
    let about = json!({
        "after": needs, "critical": part.is_critical, "failed": line.has_failed, "said": line.words
    });
    slice(&part.name, kind(part.sort), began, end, about);
    let ran = part.ran.filter(|ran| part.sort == Sort::Longrun && (began..end).contains(ran));
    if let Some(ran) = ran.filter(|_| part.has_readiness) {
        if ran > began {
            slice("starts", "phase", began, ran, json!({}));
        }
        slice("not ready yet", "phase", ran, end, json!({}));
    }
    for at in timeline.ends_of(line) {
        let name = format!("{} ended", part.name);
        events.push(json!({ "ph": "i", "name": name, "pid": PROCESS, "tid": track, "ts": at, "s": "t" }));
    }
}

/// The end of a part's slice, which takes some time, so that flows can begin and end in it.
fn last(part: &Part) -> u64 {
    part.end().max(part.began.unwrap_or_default().saturating_add(1))
}

/// From the end of one part to the beginning of another one.
fn flow(number: u32, (from, need): (u32, &Part), (to, part): (u32, &Part)) -> [Value; 2] {
    let began = part.began.unwrap_or_default();
    // Within the slice that it comes from, and not after it has arrived.
    let first = need.began.unwrap_or_default();
    let left = last(need).saturating_sub(1).min(began).max(first);
    let event = |phase: &str, track: u32, at: u64| json!({ "ph": phase, "name": "is needed by", "cat": "needs", "id": number, "pid": PROCESS, "tid": track, "ts": at });
    let (start, mut finish) = (event("s", from, left), event("f", to, began.max(left)));
    if let Some(finish) = finish.as_object_mut() {
        finish.insert("bp".to_owned(), json!("e"));
    }
    [start, finish]
}
