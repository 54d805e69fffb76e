//! How long a stop takes.

use crate::finding::{Edit, Finding};
use crate::image::{Definition, Image};
use s6_rc::database::{Database, Id};

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    if image.extra.strict {
        let longruns = image.definitions.iter().filter(|definition| definition.is_longrun());
        for definition in longruns.filter(|d| !d.has("timeout-kill") && !d.has("consumer-for")) {
            never_killed(definition, found);
        }
    }
    let database = image.compiled().ok().and_then(|compiled| compiled.database.as_ref());
    if let (Some(seconds), Some(database)) = (image.config.stop_timeout, database) {
        too_long(image, database, seconds, found);
    }
}

/// SO609.
fn never_killed(definition: &Definition, found: &mut Vec<Finding>) {
    let text =
        "it has no timeout-kill: if it ignores TERM, a stop waits until the engine kills the container";
    let edit = Edit::Create(definition.path_of("timeout-kill"), 0o644, b"10000\n".to_vec());
    let finding = Finding::new(609, &definition.path, text);
    let finding =
        finding.advice("write the most that it may take to end, in milliseconds, into timeout-kill");
    found.push(finding.unsafe_fix("create timeout-kill with 10000 in it", vec![edit]));
}

/// SO608: the daemons that wait for each other may take longer than the engine does.
fn too_long(image: &Image<'_>, database: &Database, seconds: u64, found: &mut Vec<Finding>) {
    let (total, path) = longest(image, database);
    if total <= seconds.saturating_mul(1000) {
        return;
    }
    let names: Vec<_> =
        path.iter().map(|id| String::from_utf8_lossy(database.name(*id)).into_owned()).collect();
    let text = format!(
        "a stop may take {total} ms, if {} each take as long as their timeout-kill says, and the engine kills the container after {seconds} s",
        names.join(", then ")
    );
    let advice =
        format!("start it with --stop-timeout {}, or write less into timeout-kill", total.div_ceil(1000));
    found.push(Finding::new(608, b"", text).advice(advice));
}

/// The longest time of services that are stopped one after another, and which they are, in that order.
fn longest(image: &Image<'_>, database: &Database) -> (u64, Vec<Id>) {
    let services = database.services();
    let own: Vec<u64> = services.iter().map(|service| kill_time(image, &service.name)).collect();
    // A service is stopped when what needs it is: its time comes on top of the longest of theirs.
    let mut waiting: Vec<usize> = vec![0; services.len()];
    for dependency in services.iter().flat_map(|service| &service.dependencies) {
        if let Some(count) = waiting.get_mut(*dependency as usize) {
            *count += 1;
        }
    }
    let mut until = own.clone();
    let mut before: Vec<Option<Id>> = vec![None; services.len()];
    let mut ready: Vec<usize> = (0..services.len()).filter(|at| waiting.get(*at) == Some(&0)).collect();
    while let Some(at) = ready.pop() {
        let so_far = until.get(at).copied().unwrap_or(0);
        for dependency in services.get(at).into_iter().flat_map(|service| &service.dependencies) {
            let to = *dependency as usize;
            let (Some(time), Some(own), Some(from), Some(count)) =
                (until.get_mut(to), own.get(to), before.get_mut(to), waiting.get_mut(to))
            else {
                continue;
            };
            if so_far + own > *time {
                *time = so_far + own;
                *from = Id::try_from(at).ok();
            }
            *count -= 1;
            if *count == 0 {
                ready.push(to);
            }
        }
    }
    let Some(mut at) = (0..until.len()).max_by_key(|at| (until.get(*at), std::cmp::Reverse(*at))) else {
        return (0, Vec::new());
    };
    let total = until.get(at).copied().unwrap_or(0);
    let mut path = Vec::new();
    loop {
        if own.get(at).is_some_and(|time| *time > 0) {
            path.push(Id::try_from(at).unwrap_or_default());
        }
        match before.get(at).copied().flatten() {
            Some(next) => at = next as usize,
            None => break,
        }
    }
    path.reverse();
    (total, path)
}

/// After how many milliseconds a daemon is killed; 0 if never, or if there is none.
fn kill_time(image: &Image<'_>, name: &[u8]) -> u64 {
    let definition =
        image.definitions.iter().find(|definition| definition.name == name && definition.is_longrun());
    let text = definition.and_then(|definition| image.tree.read(&definition.path_of("timeout-kill"), 64));
    text.and_then(|text| wire::number::decimal::<u32>(text.trim_ascii())).unwrap_or(0).into()
}
