//! Changing the live state: services up, down, exactly so, or reloaded.
//!
//! Failures of services are values in the result; the caller decides what they mean to it.

use crate::change_options::ChangeOptions;
use crate::changed::Changed;
use crate::database::Id;
use crate::direction::Direction;
use crate::engine::Engine;
use crate::live::Live;
use crate::plan::Plan;
use crate::runner::Runner;
use crate::work::Work;
use tool::{Fatal, diag::show};

/// Brings the selected services, with all that they need or that needs them, up or down.
///
/// # Errors
/// The engine itself can't go on: code 111.  Failures of services are in the result.
pub fn change(
    live: &mut Live,
    direction: Direction,
    mut selected: Vec<bool>,
    options: &ChangeOptions<'_>,
) -> Result<Changed, Fatal> {
    live.database().close(&mut selected, direction);
    let database = live.database_handle();
    let plan = Plan::new(&database, direction, live.up(), selected, options.force);
    let mut runner = Runner::new(live, options, Work::of(direction))?;
    let changed = Engine::new(&mut runner, options, &database, plan).run();
    runner.over(code_of(&changed));
    changed
}

/// Brings exactly the selected services and what they need up, and everything else down; downwards, stops the selected
/// ones and what needs them, and starts all others.
///
/// # Errors
/// As [`change`].
pub fn prune(
    live: &mut Live,
    direction: Direction,
    mut selected: Vec<bool>,
    options: &ChangeOptions<'_>,
) -> Result<Changed, Fatal> {
    live.database().close(&mut selected, direction);
    let invert = |list: &[bool]| list.iter().map(|s| !s).collect::<Vec<_>>();
    let (down, up) = match direction {
        Direction::Up => (invert(&selected), selected),
        Direction::Down => (selected.clone(), invert(&selected)),
    };
    let changed = change(live, Direction::Down, down, options)?;
    if changed.code() != 0 {
        return Ok(changed);
    }
    change(live, Direction::Up, up, options)
}

/// Reloads services: a longrun gets its reload signal, a oneshot's reload script is run.
///
/// # Errors
/// Code 1 if one of them isn't up; as [`change`].
pub fn reload(live: &mut Live, selected: &[bool], options: &ChangeOptions<'_>) -> Result<Changed, Fatal> {
    let ids: Vec<Id> = (0..).zip(selected).filter(|(_, s)| **s).map(|(id, _)| id).collect();
    if let Some(down) = ids.iter().find(|id| !live.is_up(**id)) {
        let name = show(live.database().name(*down));
        return Err(Fatal::new(1, format_args!("unable to reload service {name}: it is not up")));
    }
    let database = live.database_handle();
    let mut runner = Runner::new(live, options, Work::Reload)?;
    let changed = Engine::reload(&mut runner, options, &database, &ids).run();
    runner.over(code_of(&changed));
    changed
}

fn code_of(changed: &Result<Changed, Fatal>) -> u8 {
    match changed {
        Ok(changed) => changed.code(),
        Err(fatal) => fatal.code(),
    }
}
