//! What service definitions seem to have left out: they compile, but probably don't do what was intended.

use crate::legacy::idle::OWN;
use crate::legacy::scripts;
use s6_rc::database::{Database, Id};
use s6_rc::direction::Direction;
use tool::diag::{show, shown};
use tool::path::join;

/// The bundle that holds everything that a container starts.
pub const TOP: &[u8] = b"top";

/// The bundle that a service depends on to start after the container is prepared.
pub const BASE: &[u8] = b"base";

/// One line for each kind of omission, with the services concerned.  `top` is the bundle that is started, `etc` the folder
/// of cont-init.d and fix-attrs.d.
pub(crate) fn find(database: &Database, top: &[u8], etc: &[u8]) -> Vec<String> {
    let etc_shown = show(etc);
    let mut lines = Vec::new();
    let idle = idle(database, top);
    if !idle.is_empty() {
        lines.push(format!(
            "not started: {}: in no user bundle, and nothing that is started depends on it (to start it, \
             touch {etc_shown}/s6-overlay/user-bundles.d/user/contents.d/NAME) [SO202]",
            names(database, &idle)
        ));
    }
    // Without scripts or rules, no service can be too early.
    let prepares = |folder: &[u8]| scripts::list(&join(etc, folder)).is_ok_and(|l| !l.is_empty());
    if prepares(b"cont-init.d") || prepares(b"fix-attrs.d") {
        let early = early(database, top);
        if !early.is_empty() {
            lines.push(format!(
                "no dependency on base: {}: started before {etc_shown}/fix-attrs.d and cont-init.d have been dealt \
                 with (to start it after them, touch dependencies.d/base in its definition) [SO204]",
                names(database, &early)
            ));
        }
    }
    lines
}

fn names(database: &Database, ids: &[Id]) -> String {
    ids.iter().map(|id| shown(database.name(*id))).collect::<Vec<_>>().join(", ")
}

/// The services of a bundle and everything that they depend on, by id.
fn closure(database: &Database, bundle: &[u8]) -> Vec<bool> {
    let mut selected = vec![false; database.len()];
    for id in database.atomics(bundle).unwrap_or_default() {
        if let Some(slot) = selected.get_mut(id as usize) {
            *slot = true;
        }
    }
    database.close(&mut selected, Direction::Up);
    selected
}

/// The services that aren't started with `top`.
pub fn idle(database: &Database, top: &[u8]) -> Vec<Id> {
    let services = (0..).zip(database.services()).zip(closure(database, top));
    // What an image took out of the overlay's own bundles isn't meant to start.
    services
        .filter(|((_, s), started)| !started && !s.is_internal() && !OWN.contains(&s.name.as_slice()))
        .map(|((id, _), _)| id)
        .collect()
}

/// The services of `top` that may start before all of base is up, except those that base depends on.
pub fn early(database: &Database, top: &[u8]) -> Vec<Id> {
    let base = database.atomics(BASE).unwrap_or_default();
    let of_base = closure(database, BASE);
    let mut late = vec![true; database.len()];
    for id in base {
        let mut after = vec![false; database.len()];
        if let Some(slot) = after.get_mut(id as usize) {
            *slot = true;
        }
        database.close(&mut after, Direction::Down);
        late.iter_mut().zip(after).for_each(|(late, after)| *late &= after);
    }
    let services =
        (0..).zip(database.services()).zip(closure(database, top)).zip(of_base.into_iter().zip(late));
    services
        .filter(|(((_, s), started), (of_base, late))| *started && !of_base && !late && !s.is_internal())
        .map(|(((id, _), _), _)| id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use s6_rc::database::{Body, Bundle, Service};

    /// Oneshots; `fix` and `init` are base, and `top` is everything except `off`.
    fn database() -> Database {
        let script = || Body::Oneshot { up: Vec::new(), down: Vec::new(), reload: Vec::new() };
        let list: [(&str, &[Id]); 6] = [
            ("fix", &[]),
            ("init", &[0]),
            ("good", &[0, 1]),
            ("indirect", &[2]),
            ("hasty", &[0]),
            ("off", &[]),
        ];
        let service = |(name, on): &(&str, &[Id])| Service {
            name: name.as_bytes().to_vec(),
            dependencies: on.to_vec(),
            body: script(),
            ..Service::default()
        };
        let bundle =
            |name: &[u8], contents: &[Id]| Bundle { name: name.to_vec(), contents: contents.to_vec() };
        let bundles = vec![bundle(b"base", &[0, 1]), bundle(b"top", &[0, 1, 2, 3, 4])];
        Database::new(list.iter().map(service).collect(), bundles).unwrap()
    }

    #[test]
    fn services_that_nothing_starts_are_reported() {
        let lines = find(&database(), b"top", b"/no/such");
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("not started: off: "), "{lines:?}");
    }

    #[test]
    fn services_without_base_are_reported_if_the_image_has_scripts() {
        let etc = tempfile::tempdir().unwrap();
        std::fs::create_dir(etc.path().join("cont-init.d")).unwrap();
        let path = std::os::unix::ffi::OsStrExt::as_bytes(etc.path().as_os_str());
        assert_eq!(find(&database(), b"top", path).len(), 1);
        std::fs::write(etc.path().join("cont-init.d/10-x"), "").unwrap();
        let lines = find(&database(), b"top", path);
        assert!(lines[1].starts_with("no dependency on base: hasty: "), "{lines:?}");
    }
}
