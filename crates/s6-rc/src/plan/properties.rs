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
    up: Vec<bool>,
    selected: Vec<bool>,
    fails: Vec<bool>,
    ends: Vec<u8>,
}

fn world() -> impl Strategy<Value = World> {
    (1..14_usize).prop_flat_map(|n| {
        let flags = || prop::collection::vec(any::<bool>(), n);
        let rare = prop::collection::vec(prop::bool::weighted(0.2), n);
        let edges = prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), n);
        (edges, flags(), flags(), rare, prop::collection::vec(any::<u8>(), n)).prop_map(
            |(edges, up, selected, fails, ends)| {
                let dependencies = edges
                    .into_iter()
                    .enumerate()
                    .map(|(i, list)| {
                        let mut on: Vec<Id> = match i {
                            0 => Vec::new(),
                            i => list.iter().map(|x| x.index(i) as Id).collect(),
                        };
                        on.sort_unstable();
                        on.dedup();
                        on
                    })
                    .collect();
                World { dependencies, up, selected, fails, ends }
            },
        )
    })
}

/// Runs a plan to its end and checks each step against the rules.
fn run(world: &World, direction: Direction) -> Result<(), TestCaseError> {
    let lists: Vec<&[Id]> = world.dependencies.iter().map(Vec::as_slice).collect();
    let database = Database::new(oneshots(&lists), Vec::new()).unwrap();
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
                begun[id as usize] += 1;
                running.push(id);
            }
        }
        for id in 0..database.len() as Id {
            let i = id as usize;
            let ready = neighbours(id).iter().all(|n| up[*n as usize] == going_up);
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
            let mut needs = vec![false; database.len()];
            needs[i] = true;
            database.close(&mut needs, direction);
            let blamed = needs.iter().zip(failed).any(|(n, f)| *n && *f);
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
