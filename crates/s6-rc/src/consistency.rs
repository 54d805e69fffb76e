//! The consistency of a set: no service has a higher prescription than what it depends on, and a pipeline is masked as a
//! whole or not at all.

use crate::database::{Body, Database, Entity, Id};
use crate::direction::Direction;
use crate::service_set::{Prescription, Set};

fn prescription(set: &Set, database: &Database, id: Id) -> Option<Prescription> {
    set.get(database.name(id)).copied()
}

/// All members of the pipelines that the selected services are in.
fn add_pipelines(database: &Database, selected: &mut [bool]) {
    let mut todo: Vec<Id> = (0..).zip(selected.iter()).filter(|(_, s)| **s).map(|(id, _)| id).collect();
    while let Some(id) = todo.pop() {
        let Some(Body::Longrun { consumer, producers }) = database.service(id).map(|s| &s.body) else {
            continue;
        };
        for other in consumer.iter().chain(producers) {
            if let Some(slot) = selected.get_mut(*other as usize).filter(|s| !**s) {
                *slot = true;
                todo.push(*other);
            }
        }
    }
}

/// The services that must be moved to `to` together with `moved`: with `up` those that they need, with `down` those
/// that need them.
pub(crate) fn companions(
    database: &Database,
    set: &Set,
    moved: &[Vec<u8>],
    to: Prescription,
    up: bool,
    down: bool,
) -> Vec<Vec<u8>> {
    let mut base = vec![false; database.len()];
    for name in moved {
        if let Some(Entity::Atomic(id)) = database.find(name)
            && let Some(slot) = base.get_mut(id as usize)
        {
            *slot = true;
        }
    }
    let mut needed = base.clone();
    let mut needing = base.clone();
    // Masking one member of a pipeline masks the whole pipeline; unmasking one unmasks it.
    add_pipelines(database, if to == Prescription::Masked { &mut needing } else { &mut needed });
    database.close(&mut needed, Direction::Up);
    database.close(&mut needing, Direction::Down);
    let wrong = |id: Id| {
        let Some(have) = prescription(set, database, id) else { return false };
        let is = |list: &[bool]| list.get(id as usize).copied().unwrap_or(false);
        !is(&base) && ((up && is(&needed) && have < to) || (down && is(&needing) && have > to))
    };
    let ids = 0..Id::try_from(database.len()).unwrap_or(0);
    ids.filter(|id| wrong(*id)).map(|id| database.name(id).to_vec()).collect()
}

/// The moves that make a set consistent: downwards, a service is lowered to the prescription of what
/// it depends on; upwards, that is raised.
pub(crate) fn fixes(database: &Database, set: &Set, upwards: bool) -> Vec<(Vec<u8>, Prescription)> {
    let mut set = set.clone();
    let mut moves: Vec<(Vec<u8>, Prescription)> = Vec::new();
    let mut levels = [Prescription::Masked, Prescription::Usable, Prescription::Active, Prescription::Always];
    if upwards {
        levels.reverse();
    }
    for level in levels {
        let at: Vec<Vec<u8>> = set.iter().filter(|(_, p)| **p == level).map(|(n, _)| n.clone()).collect();
        for name in companions(database, &set, &at, level, upwards, !upwards) {
            set.set(name.clone(), level);
            moves.push((name, level));
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::oneshots;

    fn set(list: &[Prescription]) -> Set {
        list.iter().enumerate().map(|(i, p)| (i.to_string().into_bytes(), *p)).collect()
    }

    #[test]
    fn inconsistencies_are_fixed_either_way() {
        use Prescription::{Active, Masked, Usable};
        let db = Database::new(oneshots(&[&[], &[0], &[1]]), Vec::new()).unwrap();
        let s = set(&[Masked, Usable, Active]);
        assert_eq!(fixes(&db, &s, false), [(b"1".to_vec(), Masked), (b"2".to_vec(), Masked)]);
        assert_eq!(fixes(&db, &s, true), [(b"0".to_vec(), Active), (b"1".to_vec(), Active)]);
        assert!(fixes(&db, &set(&[Active, Usable, Masked]), false).is_empty());
    }

    /// Service 2 needs 1, which needs 0.
    #[test]
    fn companions_are_those_that_are_needed_and_lower_or_need_it_and_are_higher() {
        use Prescription::{Active, Always, Masked, Usable};
        let db = Database::new(oneshots(&[&[], &[0], &[1]]), Vec::new()).unwrap();
        let of = |prescriptions: [Prescription; 3], to, up, down| {
            let found = companions(&db, &set(&prescriptions), &[b"1".to_vec()], to, up, down);
            found.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>().join(" ")
        };
        let apart = [Masked, Usable, Always];
        assert_eq!(of(apart, Active, true, true), "0 2");
        assert_eq!(of(apart, Active, true, false), "0");
        assert_eq!(of(apart, Active, false, true), "2");
        assert_eq!(of(apart, Active, false, false), "");
        for same in [Masked, Usable, Active, Always] {
            assert_eq!(of([same; 3], same, true, true), "", "{same:?}");
        }
        assert_eq!(of([Always, Usable, Masked], Active, true, true), "");
    }

    #[test]
    fn pipelines_are_masked_and_unmasked_as_a_whole() {
        let mut services = oneshots(&[&[], &[0]]);
        services[0].body = Body::Longrun { consumer: None, producers: vec![1] };
        services[1].body = Body::Longrun { consumer: Some(0), producers: Vec::new() };
        let db = Database::new(services, Vec::new()).unwrap();
        let s = set(&[Prescription::Usable; 2]);
        let moved = [b"1".to_vec()];
        assert_eq!(companions(&db, &s, &moved, Prescription::Masked, false, true), [b"0".to_vec()]);
        let (producer, consumer) = (b"1".to_vec(), b"0".to_vec());
        let s = set(&[Prescription::Masked; 2]);
        let moved = |name: &Vec<u8>, up| {
            companions(&db, &s, std::slice::from_ref(name), Prescription::Usable, up, true)
        };
        assert_eq!(
            (moved(&producer, true), moved(&consumer, true)),
            (vec![consumer.clone()], vec![producer.clone()])
        );
        assert_eq!((moved(&producer, false), moved(&consumer, false)), (vec![], vec![]));
    }
}
