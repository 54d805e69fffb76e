//! Pure: a start as a document: `s6-overlay.boot/1`, whose schema is `docs/schema/boot-1.json`.
//!
//! Numbers are microseconds; moments count from the beginning of the container.

use super::said::CUT;
use super::start::{Sort, Start};
use crate::json::Json;
use crate::status::Snapshot;
use crate::status::times::moment;

/// The name of the document's form.
const SCHEMA: &str = "s6-overlay.boot/1";

/// The document of a start.
pub fn document(start: &Start, all: &Snapshot) -> Vec<u8> {
    let mut json = Json::new(b'{');
    json.text("schema", Some(SCHEMA.as_bytes()));
    let begun = moment(all.now.1.saturating_sub(all.ago(start.begun)));
    json.text("begun", Some(begun.as_bytes()));
    json.number("took_us", Some(start.took));
    json.number("code", start.code.map(u64::from));
    json.number("critical_us", Some(start.critical()));
    let without = start.without();
    json.text("slowest", without.map(|(part, _)| part.name.as_bytes()));
    json.number("without_slowest_us", without.map(|(_, took)| took));
    json.open("parts", b'[');
    for part in start.order.iter().filter_map(|at| start.part(*at)) {
        json.open("", b'{');
        json.text("name", Some(part.name.as_bytes()));
        let kind = match part.sort {
            Sort::Longrun => "longrun",
            Sort::Oneshot => "oneshot",
            Sort::Script => "script",
            Sort::Step => "step",
        };
        json.text("kind", Some(kind.as_bytes()));
        let needs = part.needs.iter().filter_map(|at| start.part(*at));
        json.texts("needs", &mut needs.map(|need| need.name.as_bytes()));
        json.truth("critical", part.is_critical);
        for (name, at) in [("began_us", part.began), ("ran_us", part.ran), ("over_us", part.over)] {
            json.number(name, at);
        }
        json.number("took_us", Some(part.took));
        json.truth("readiness", part.has_readiness);
        json.number("ends", Some(part.ends.into()));
        json.truth("failed", part.has_failed());
        let wstat = part.wstat.filter(|wstat| *wstat != u16::MAX);
        let signal = wstat.map(|wstat| u64::from(wstat & 0x7f)).filter(|signal| *signal != 0);
        json.number("code", wstat.filter(|_| signal.is_none()).map(|wstat| u64::from(wstat >> 8)));
        json.number("signal", signal);
        json.close(b'}');
    }
    json.close(b']');
    json.open("remarks", b'[');
    if start.is_cut {
        json.text("", Some(CUT.as_bytes()));
    }
    all.remarks.iter().for_each(|remark| json.text("", Some(remark.as_bytes())));
    json.close(b']');
    json.finish(b'}')
}
