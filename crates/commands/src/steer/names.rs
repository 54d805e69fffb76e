//! Pure: which services the words of a command stand for.

use crate::status::UNKNOWN;
use crate::status::choice::{is_match, unknown};
use overlay::legacy::idle::OWN;
use s6_rc::condition::Examined;
use s6_rc::database::{Database, Service};
use tool::{Fatal, diag::show};

/// The services of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selected {
    /// Those of s6-rc's database: one flag for each.
    pub(crate) services: Vec<bool>,
    /// Those that s6-rc doesn't know: of services.d, and others in the scan directory.
    pub(crate) others: Vec<Vec<u8>>,
}

/// The services that words stand for: names of services and bundles, and shell patterns; `others` are the names of those
/// services that the database doesn't have, and `absent` tells of those that aren't in the container.
///
/// # Errors
/// Code 4: nothing has that name.
pub(crate) fn select(
    database: &Database,
    others: &[Vec<u8>],
    absent: &dyn Fn() -> Vec<Examined>,
    words: &[Vec<u8>],
) -> Result<Selected, Fatal> {
    let mut selected = Selected { services: vec![false; database.len()], others: Vec::new() };
    let is_own = |service: &Service| service.is_internal() || OWN.contains(&service.name.as_slice());
    for word in words {
        if let Some(ids) = database.atomics(word) {
            let ids = ids.into_iter().filter(|id| database.service(*id).is_some_and(|s| !s.is_internal()));
            ids.for_each(|id| set(&mut selected.services, id));
            continue;
        }
        let mut found = false;
        for (id, service) in (0..).zip(database.services()) {
            if !is_own(service) && is_match(word, &service.name) {
                set(&mut selected.services, id);
                found = true;
            }
        }
        for name in others.iter().filter(|name| *name == word || is_match(word, name)) {
            if !selected.others.contains(name) {
                selected.others.push(name.clone());
            }
            found = true;
        }
        if !found {
            let absent = absent().into_iter().find(|one| one.name == *word);
            if let Some(reason) = absent.and_then(|one| one.absent) {
                let text = format!("{} isn't in this container: {reason}", show(word));
                return Err(Fatal::new(UNKNOWN, text));
            }
            let names = database.services().iter().filter(|service| !service.is_internal()).map(|s| &s.name);
            let names = names.chain(database.bundles().iter().map(|bundle| &bundle.name)).chain(others);
            return Err(unknown(word, &mut names.map(Vec::as_slice)));
        }
    }
    Ok(selected)
}

/// Adds a service to a selection.
pub(super) fn set(list: &mut [bool], id: u32) {
    if let Some(slot) = list.get_mut(id as usize) {
        *slot = true;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use overlay::legacy::idle::SERVICES;
    use s6_rc::database::{Body, Bundle, Id};

    /// `web` needs `db` and the oneshot `migrate`, which needs `db`; `legacy-services` needs all of them, `lone` nothing.
    pub(crate) fn database() -> Database {
        let oneshot = || Body::Oneshot { up: Vec::new(), down: Vec::new(), reload: Vec::new() };
        let service = |name: &[u8], body: Body, dependencies: &[Id]| Service {
            name: name.to_vec(),
            body,
            dependencies: dependencies.to_vec(),
            ..Service::default()
        };
        let services = vec![
            service(b"s6rc-fdholder", Body::default(), &[]),
            service(b"db", Body::default(), &[]),
            service(b"web", Body::default(), &[1, 4]),
            service(SERVICES, oneshot(), &[1, 2, 4]),
            service(b"migrate", oneshot(), &[1]),
        ];
        let bundle =
            |name: &[u8], contents: &[Id]| Bundle { name: name.to_vec(), contents: contents.to_vec() };
        Database::new(services, vec![bundle(b"backend", &[1, 4])]).unwrap()
    }

    #[test]
    fn words_are_names_bundles_and_patterns() {
        let database = database();
        let others = [b"cron".to_vec(), b"web2".to_vec()];
        let reason = Some("A isn't set".to_owned());
        let gone = Examined { name: b"mailbox".to_vec(), absent: reason, ..Examined::default() };
        let absent = || vec![gone.clone()];
        let of = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            select(&database, &others, &absent, &words)
                .map_err(|e| format!("{} {}", e.code(), e.message()))
                .map(|s| {
                    let names = (0..).zip(&s.services).filter(|(_, s)| **s).map(|(id, _)| database.name(id));
                    names
                        .chain(s.others.iter().map(Vec::as_slice))
                        .map(tool::diag::shown)
                        .collect::<Vec<_>>()
                        .join(" ")
                })
        };
        assert_eq!(of(&["web", "cron", "cron"]), Ok("web cron".into()));
        assert_eq!(of(&["backend"]), Ok("db migrate".into()));
        assert_eq!(of(&["we*"]), Ok("web web2".into()));
        assert_eq!(of(&["*"]), Ok("db web migrate cron web2".into()));
        assert_eq!(of(&["legacy-services"]), Ok("legacy-services".into()));
        assert_eq!(of(&["wep"]), Err("4 there is no service wep: did you mean web?".into()));
        assert_eq!(of(&["mailbox"]), Err("4 mailbox isn't in this container: A isn't set".into()));
        assert_eq!(of(&["cro"]), Err("4 there is no service cro: did you mean cron?".into()));
        assert_eq!(of(&["x*"]), Err("4 no service matches x*".into()));
        assert_eq!(of(&["s6rc-fdholder"]), Ok(String::new()));
    }
}
