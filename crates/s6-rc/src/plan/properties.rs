//! The rules of the planner, on random graphs.

use super::{Plan, Step};
use crate::database::tests::oneshots;
use crate::database::{Database, Id};
use crate::direction::Direction;
use proptest::prelude::*;

/// A graph without cycles (each service depends only on ones of lower numbers), what is up, what is selected, what
/// fails, and the order in which transitions end.
#[derive(Debug, Clone)]
struct World {
    dependencies: Vec<Vec<Id>>,
    wants: Vec<Vec<Id>>,
    up: Vec<bool>,
    selected: Vec<bool>,
    fails: Vec<bool>,
    ends: Vec<u8>,
}

impl World {
    fn database(&self) -> Database {
        let lists: Vec<&[Id]> = self.dependencies.iter().map(Vec::as_slice).collect();
        let mut services = oneshots(&lists);
        for (service, wants) in services.iter_mut().zip(&self.wants) {
            service.wants.clone_from(wants);
        }
        Database::new(services, Vec::new()).unwrap()
    }
}

fn world() -> impl Strategy<Value = World> {
    (1..14_usize).prop_flat_map(|n| {
        let flags = || prop::collection::vec(any::<bool>(), n);
        let rare = prop::collection::vec(prop::bool::weighted(0.2), n);
        let edges =
            |most| prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..most), n);
        (edges(4), edges(3), flags(), flags(), rare, prop::collection::vec(any::<u8>(), n)).prop_map(
            |(edges, weak, up, selected, fails, ends)| {
                let [dependencies, wants] = [edges, weak].map(below);
                World { dependencies, wants, up, selected, fails, ends }
            },
        )
    })
}

/// For each number some of those below it.
fn below(lists: Vec<Vec<prop::sample::Index>>) -> Vec<Vec<Id>> {
    let lists = lists.into_iter().enumerate().map(|(i, list)| {
        let mut on: Vec<Id> = match i {
            0 => Vec::new(),
            i => list.iter().map(|x| x.index(i) as Id).collect(),
        };
        on.sort_unstable();
        on.dedup();
        on
    });
    lists.collect()
}

/// Whether a service, or something that it can't go without, has failed.
fn is_stuck(database: &Database, direction: Direction, failed: &[bool], id: Id) -> bool {
    let mut needs = vec![false; database.len()];
    needs[id as usize] = true;
    database.close(&mut needs, direction);
    needs.iter().zip(failed).any(|(n, f)| *n && *f)
}

/// Whether nothing is to be expected of a service that another one only wants.
fn is_over(database: &Database, direction: Direction, [selected, up, failed]: [&[bool]; 3], id: Id) -> bool {
    let at = id as usize;
    !selected[at] || up[at] == (direction == Direction::Up) || is_stuck(database, direction, failed, id)
}

/// Runs a plan to its end and checks each step against the rules.
fn run(world: &World, direction: Direction) -> Result<(), TestCaseError> {
    let database = world.database();
    let going_up = direction == Direction::Up;
    let mut selected = world.selected.clone();
    database.close(&mut selected, direction);
    // A possible state: what is up has its dependencies up.
    let mut up = world.up.clone();
    database.close(&mut up, Direction::Up);
    let mut plan = Plan::new(&database, direction, up.clone(), selected.clone(), true);
    let neighbours = |id: Id| {
        let s = database.service(id).unwrap();
        if going_up { &s.dependencies } else { &s.dependents }
    };
    let weak = |id: Id| {
        let s = database.service(id).unwrap();
        if going_up { &s.wants } else { &s.wanted_by }
    };
    let mut running: Vec<Id> = Vec::new();
    let mut begun = vec![0; database.len()];
    let mut failed = vec![false; database.len()];
    let mut ends = world.ends.iter().cycle();
    loop {
        while let Some(step) = plan.next_step() {
            if let Step::Begin(id) = step {
                prop_assert!(selected[id as usize], "{} began unselected", id);
                prop_assert!(up[id as usize] != going_up, "{} began and was there already", id);
                for n in neighbours(id) {
                    prop_assert_eq!(up[*n as usize], going_up, "{} began before {}", id, n);
                }
                let early =
                    weak(id).iter().find(|n| !is_over(&database, direction, [&selected, &up, &failed], **n));
                prop_assert_eq!(early, None, "{} began before what it wants", id);
                begun[id as usize] += 1;
                running.push(id);
            }
        }
        for id in 0..database.len() as Id {
            let i = id as usize;
            let ready = neighbours(id).iter().all(|n| up[*n as usize] == going_up)
                && weak(id).iter().all(|n| is_over(&database, direction, [&selected, &up, &failed], *n));
            if selected[i] && up[i] != (direction == Direction::Up) && ready && !failed[i] {
                prop_assert!(running.contains(&id), "{} could begin and is kept waiting", id);
            }
        }
        if running.is_empty() {
            break;
        }
        let id = running.remove(*ends.next().unwrap() as usize % running.len());
        let good = !world.fails[id as usize];
        if good {
            up[id as usize] = going_up;
        } else {
            failed[id as usize] = true;
        }
        plan.finished(id, good);
        prop_assert_eq!(plan.up(), up.as_slice(), "it has lost track of what is up");
    }
    prop_assert!(begun.iter().all(|n| *n <= 1), "a service began twice");
    check_left_out(&database, direction, &selected, &up, &failed)
}

/// What is selected and not where it should be needs something that failed.
fn check_left_out(
    database: &Database,
    direction: Direction,
    selected: &[bool],
    up: &[bool],
    failed: &[bool],
) -> Result<(), TestCaseError> {
    for i in 0..database.len() {
        if selected[i] && up[i] != (direction == Direction::Up) {
            let blamed = is_stuck(database, direction, failed, i as Id);
            prop_assert!(blamed, "{} was left out without a failure", i);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn upwards_keeps_the_rules(world in world()) {
        run(&world, Direction::Up)?;
    }

    #[test]
    fn downwards_keeps_the_rules(world in world()) {
        run(&world, Direction::Down)?;
    }
}

#[test]
fn a_stopped_plan_begins_nothing() {
    let database = Database::new(oneshots(&[&[], &[]]), Vec::new()).unwrap();
    let mut plan = Plan::new(&database, Direction::Up, vec![false; 2], vec![true; 2], false);
    assert_eq!(plan.next_step(), Some(Step::Begin(0)));
    plan.stop();
    assert_eq!(plan.next_step(), None);
}
