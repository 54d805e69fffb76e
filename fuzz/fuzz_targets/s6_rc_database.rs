//! Decodes any bytes as a compiled database: they are refused, or give a graph on which every plan can be completed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use s6_rc::database::Database;
use s6_rc::direction::Direction;
use s6_rc::format::{decode, encode, seal};
use s6_rc::plan::{Plan, Step};

fuzz_target!(|data: &[u8]| {
    let _ = decode(data);
    // With a valid checksum the fuzzer reaches the rest of the decoder.
    for version in [1, 2] {
        let sealed = seal(version, data);
        if let Ok(database) = decode(&sealed) {
            assert_eq!(encode(&database), sealed, "one file a database");
            let bottom = vec![false; database.len()];
            let top = walk(&database, Direction::Up, bottom.clone());
            assert_eq!(walk(&database, Direction::Down, top), bottom);
        }
    }
});

/// Brings all services up or down; each must be reached.
fn walk(database: &Database, direction: Direction, up: Vec<bool>) -> Vec<bool> {
    let mut plan = Plan::new(database, direction, up, vec![true; database.len()], true);
    while let Some(step) = plan.next_step() {
        if let Step::Begin(id) = step {
            plan.finished(id, true);
        }
    }
    assert!(
        plan.up().iter().all(|up| *up == (direction == Direction::Up)),
        "a service that is never reached"
    );
    plan.up().to_vec()
}
