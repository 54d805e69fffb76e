//! Pure: why services are as they are: each one, and below it what it waits for, as far as that goes.

use super::details::{head, reasons};
use super::times::span;
use super::word::{Standing, Word, standing};
use super::{Service, Snapshot};
use crate::json::Json;
use std::time::Duration;
use tool::diag::shown;
use wire::restart_policy::{Consequence, Limit, Restart, RestartPolicy};

/// What is waited for is indented, up to so many times.
const DEPTH_MAX: usize = 16;

/// The services that are asked for, each with what it waits for behind it, and how deep that is: each service once.
pub(crate) fn asked(all: &Snapshot, chosen: &[usize]) -> Vec<(usize, usize)> {
    let mut seen = vec![false; all.services.len()];
    let mut found = Vec::new();
    let mut next: Vec<(usize, usize)> = chosen.iter().rev().map(|at| (*at, 0)).collect();
    while let Some((at, depth)) = next.pop() {
        let (Some(service), Some(seen)) = (all.services.get(at), seen.get_mut(at)) else { continue };
        if !std::mem::replace(seen, true) {
            found.push((at, depth));
            let waits_for = standing(all, service).waits_for;
            next.extend(waits_for.into_iter().rev().map(|at| (at, depth.saturating_add(1))));
        }
    }
    found
}

/// The services that aren't as they should be.
pub(crate) fn troubled(all: &Snapshot) -> Vec<usize> {
    let is_troubled = |service: &Service| {
        let standing = standing(all, service);
        standing.needs_attention() || (standing.wanted && !standing.word.is_good())
    };
    (0..).zip(&all.services).filter(|(_, service)| is_troubled(service)).map(|(at, _)| at).collect()
}

/// What a person reads.
pub(crate) fn text(all: &Snapshot, asked: &[(usize, usize)]) -> String {
    let mut text = String::new();
    if asked.is_empty() {
        text.push_str("all that is wanted is as it should be\n");
    }
    for (at, depth) in asked {
        let Some(service) = all.services.get(*at) else { continue };
        let state = standing(all, service);
        let indent = "    ".repeat((*depth).min(DEPTH_MAX));
        text.extend([&indent, head(all, service, &state).as_str(), "\n"]);
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!("{indent}  {name:<11} {value}\n"));
            }
        };
        put("start", wish(service, &state));
        reasons(all, service, &mut put);
        put("policy", &service.policy.as_ref().map(policy).unwrap_or_default());
    }
    text
}

/// Why a service that is down isn't wanted up.
fn wish(service: &Service, state: &Standing) -> &'static str {
    match state.word {
        Word::Down if state.wanted => "it is wanted up",
        Word::Down if service.in_boot => "it was brought down",
        Word::Down if service.up.is_some() => "nothing that the container starts needs it",
        _ => "",
    }
}

/// A restart policy in words, with the names of its files.
fn policy(policy: &RestartPolicy) -> String {
    let mut parts = vec![format!("restart {}", restart(policy.restart))];
    if let Some(delay) = policy.delay {
        let ms = |ms: u32| span(Duration::from_millis(ms.into()));
        parts.push(format!("restart-delay {} to {}", ms(delay.first), ms(delay.max)));
    }
    if let Some(Limit { count, window }) = policy.limit {
        let within = window.map_or_else(|| " in a row".to_owned(), |seconds| format!(" in {seconds} s"));
        parts.push(format!("restart-limit {count}{within}"));
    }
    if policy.on_failure != Consequence::Nothing {
        parts.push(format!("on-failure {}", consequence(&policy.on_failure)));
    }
    parts.join(", ")
}

fn restart(restart: Restart) -> &'static str {
    match restart {
        Restart::Always => "always",
        Restart::OnFailure => "on-failure",
        Restart::Never => "never",
    }
}

fn consequence(consequence: &Consequence) -> String {
    match consequence {
        Consequence::Nothing => "nothing".to_owned(),
        Consequence::Stop(None) => "stop".to_owned(),
        Consequence::Stop(Some(code)) => format!("stop {code}"),
        Consequence::StopDependents => "stop-dependents".to_owned(),
        Consequence::Run(words) => format!("run {}", shown(words.first().map_or(&[], Vec::as_slice))),
    }
}

/// The policy of a service as a field of its document.
pub(crate) fn put_policy(field: &str, policy: Option<&RestartPolicy>, json: &mut Json) {
    let Some(policy) = policy else { return json.text(field, None) };
    json.open(field, b'{');
    json.text("restart", Some(restart(policy.restart).as_bytes()));
    json.number("limit", policy.limit.map(|limit| limit.count.into()));
    json.number("window_s", policy.limit.and_then(|limit| limit.window).map(u64::from));
    json.number("delay_ms", policy.delay.map(|delay| delay.first.into()));
    json.number("delay_max_ms", policy.delay.map(|delay| delay.max.into()));
    json.text("on_failure", Some(consequence(&policy.on_failure).as_bytes()));
    json.close(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{longrun, oneshot, probed, running, starting};
    use wire::attended::Report;
    use wire::board::{Cause, State};
    use wire::restart_policy::Delay;

    #[test]
    fn what_is_waited_for_is_below() {
        let mut all = starting();
        let unready = Some(b"unix /run/x nobody listens".to_vec());
        let mut db = probed("db", State::Up, Report { unready, ..Report::default() });
        if let Some(row) = &mut db.row {
            (row.cause, row.wstat, row.deaths, row.failures) = (Cause::Unhealthy, 0xf, 3, 2);
            row.ended = Some(Duration::from_secs(60));
        }
        let limit = Some(Limit { count: 5, window: Some(60) });
        let delay = Some(Delay::new(1000, 60_000));
        db.policy = Some(RestartPolicy {
            limit,
            delay,
            on_failure: Consequence::Stop(None),
            ..RestartPolicy::default()
        });
        (db.in_boot, db.up) = (true, Some(false));
        let waits = |name: &str, needs: &[usize]| {
            let mut service = longrun(name, State::Down);
            (service.in_boot, service.up, service.needs) = (true, Some(false), needs.to_vec());
            service
        };
        all.services = vec![db, waits("app", &[0]), waits("web", &[1, 0]), oneshot("idle", false, None)];
        let of = |chosen: &[usize]| text(&all, &asked(&all, chosen));
        insta::assert_snapshot!(of(&[2, 3]));
        assert_eq!(asked(&all, &[2, 3]), [(2, 0), (1, 1), (0, 2), (3, 0)]);
        assert_eq!(troubled(&all), [0, 1, 2]);
    }

    #[test]
    fn a_circle_or_a_long_chain_has_an_end() {
        let mut all = running();
        let count = 30_000;
        all.services = (0..count)
            .map(|at| {
                let mut service = longrun("a", State::Down);
                (service.up, service.needs) = (Some(false), vec![(at + 1) % count]);
                service
            })
            .collect();
        let found = asked(&all, &[0]);
        assert_eq!((found.len(), found.last()), (count, Some(&(count - 1, count - 1))));
        let last = text(&all, &found);
        let indent = last.lines().map(|line| line.len() - line.trim_start().len()).max();
        assert_eq!(indent, Some(4 * DEPTH_MAX + 2));
    }
}
