//! Pure: what is done to which services, and what goes along with it.

use super::names::{Selected, set};
use overlay::legacy::idle;
use s6_rc::database::{Database, Id};
use s6_rc::direction::Direction;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Services are to run.
    Start,
    /// Services are to be down.
    Stop,
    /// Services are to run as if they had just been started.
    Restart,
}

/// What there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    /// The database.
    pub(crate) database: &'a Database,
    /// For each service whether it is up, by the live state.
    pub(crate) up: &'a [bool],
    /// The services of services.d that are there.
    pub(crate) legacy: &'a [Vec<u8>],
}

/// The work of a command, in the order of its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Services that aren't selected and are brought down all the same: they need those that are.
    pub(crate) dependents: Vec<Vec<u8>>,
    /// What s6-rc brings down, with everything that needs it.
    pub(crate) down: Vec<bool>,
    /// Longruns whose daemons alone are started, stopped or restarted, while s6-rc's state of them stays.
    pub(crate) daemons: Vec<Id>,
    /// What s6-rc brings up, with everything that it needs.
    pub(crate) up: Vec<bool>,
}

impl Plan {
    /// Plans a deed; `with_dependents`: what needs the selected services is restarted with them.
    pub(crate) fn new(deed: Deed, there: Standing<'_>, selected: &Selected, with_dependents: bool) -> Self {
        let Standing { database, up, .. } = there;
        let is = |list: &[bool], id: Id| list.get(id as usize).copied().unwrap_or(false);
        let mut plan =
            Self { down: vec![false; database.len()], up: vec![false; database.len()], ..Self::default() };
        let ids = (0..).zip(database.services());
        for (id, service) in ids.filter(|(id, _)| is(&selected.services, *id)) {
            match (deed, is(up, id)) {
                (Deed::Start, true) | (Deed::Stop, false) if service.is_longrun() => plan.daemons.push(id),
                (Deed::Restart, true) if service.is_longrun() && !with_dependents => plan.daemons.push(id),
                (Deed::Start, _) | (Deed::Restart, false) => set(&mut plan.up, id),
                (Deed::Stop, _) => set(&mut plan.down, id),
                (Deed::Restart, true) => {
                    set(&mut plan.down, id);
                    set(&mut plan.up, id);
                }
            }
        }
        let mut down = plan.down.clone();
        database.close(&mut down, Direction::Down);
        // What goes down with a oneshot is restarted with it.
        plan.daemons.retain(|id| !(is(&down, *id) && is(up, *id)));
        for (id, _) in (0..).zip(&down).filter(|(id, is_down)| **is_down && is(up, *id)) {
            if deed == Deed::Restart {
                set(&mut plan.up, id);
            }
            if is(&selected.services, id) {
                continue;
            }
            if database.name(id) == idle::SERVICES {
                plan.dependents.extend(there.legacy.iter().cloned());
            } else {
                plan.dependents.push(database.name(id).to_vec());
            }
        }
        plan.bring_back_legacy(there);
        plan
    }

    /// Starts the services of services.d, too, if what they need is up then: they are down because something of it was.
    fn bring_back_legacy(&mut self, Standing { database, up, .. }: Standing<'_>) {
        if !self.up.contains(&true) {
            return;
        }
        let Some(&[own]) = database.atomics(idle::SERVICES).as_deref() else { return };
        if up.get(own as usize) == Some(&true) {
            return;
        }
        let mut there = self.up.clone();
        database.close(&mut there, Direction::Up);
        there.iter_mut().zip(up).for_each(|(there, up)| *there |= up);
        let mut needed = vec![false; database.len()];
        set(&mut needed, own);
        database.close(&mut needed, Direction::Up);
        let is_missing = |(id, (needed, there)): (Id, (&bool, &bool))| id != own && *needed && !there;
        if !(0..).zip(needed.iter().zip(&there)).any(is_missing) {
            set(&mut self.up, own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steer::names::tests::database;

    /// A deed, `--dependents`, to which services, while these are up, and how many services.d has.
    type Case<'a> = (Deed, bool, &'a [&'a str], &'a [&'a str], usize);

    fn shown(database: &Database, list: &[bool]) -> String {
        let names =
            (0..).zip(list).filter(|(_, is)| **is).map(|(id, _)| tool::diag::shown(database.name(id)));
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn deeds_and_what_goes_along() {
        let database = database();
        let mut lines = Vec::new();
        let legacy = [b"cron".to_vec()];
        let all: &[&str] = &["db", "web", "legacy-services", "migrate"];
        let cases: &[Case<'_>] = &[
            (Deed::Start, false, &["web"], &[], 1),
            (Deed::Start, false, &["web"], &["db", "migrate"], 1),
            (Deed::Start, false, &["db"], &[], 1),
            (Deed::Start, false, &["web"], all, 1),
            (Deed::Stop, false, &["web"], all, 1),
            (Deed::Stop, false, &["web"], all, 0),
            (Deed::Stop, false, &["db"], all, 1),
            (Deed::Stop, false, &["db"], &["db"], 1),
            (Deed::Stop, false, &["db"], &[], 1),
            (Deed::Restart, false, &["db"], all, 1),
            (Deed::Restart, true, &["db"], all, 1),
            (Deed::Restart, false, &["migrate"], all, 1),
            (Deed::Restart, false, &["migrate", "web"], all, 0),
            (Deed::Restart, true, &["db"], &["db"], 1),
            (Deed::Restart, false, &["web"], &["db", "migrate"], 1),
        ];
        for (deed, with_dependents, names, up, count) in cases {
            let flags = |names: &[&str]| {
                database
                    .services()
                    .iter()
                    .map(|s| names.iter().any(|n| n.as_bytes() == s.name))
                    .collect::<Vec<_>>()
            };
            let selected = Selected { services: flags(names), others: Vec::new() };
            let up = flags(up);
            let there = Standing { database: &database, up: &up, legacy: &legacy[..*count] };
            let plan = Plan::new(*deed, there, &selected, *with_dependents);
            let dependents: Vec<_> = plan.dependents.iter().map(|n| tool::diag::shown(n)).collect();
            let daemons: Vec<_> =
                plan.daemons.iter().map(|id| tool::diag::shown(database.name(*id))).collect();
            lines.push(format!(
                "{deed:?} {}{} while up: {}{}",
                names.join(" "),
                if *with_dependents { " with dependents" } else { "" },
                shown(&database, &up),
                if *count == 0 { ", services.d is empty" } else { "" },
            ));
            lines.push(format!(
                "  dependents: {}; down: {}; daemons: {}; up: {}",
                dependents.join(" "),
                shown(&database, &plan.down),
                daemons.join(" "),
                shown(&database, &plan.up),
            ));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }
}
