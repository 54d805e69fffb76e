//! Stage 3, in a child of the first process: brings all services down.
//!
//! The child is called with the number of the relay's socket, or a negative number.

use crate::boot::stage2::{ENGINE, inherited};
use crate::environment::settings::Settings;
use crate::layout::LIVE;
use crate::pid1::init;
use rustix::fs::{AtFlags, CWD};
use s6_rc::change::change;
use s6_rc::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use s6_rc::database::Id;
use s6_rc::direction::Direction;
use s6_rc::live::{Live, Lock};
use s6_rc::reporter::Reporter;
use std::time::Duration;
use supervision::status::read_status;
use tool::{Call, Fatal, Next, Outcome, Role, Tool, diag};

/// Not in the table: nobody calls it by name.
pub static TOOL: Tool = Tool {
    name: "init",
    summary: "bring all services down",
    operands: "fd",
    options: &[],
    role: Role::Stay,
    main,
};

/// How long a stop may stand still before it says what it waits for: well before an engine, ten seconds by default,
/// kills the container.
pub const PATIENCE: Duration = Duration::from_secs(2);

fn main(call: &mut Call) -> Outcome {
    // The end isn't to wait for who reads about it.
    diag::set_patience(Some(init::PATIENCE));
    let relay = inherited(&call.shift()?)?;
    if sys::fs::statat(CWD, LIVE, AtFlags::empty()).is_err() {
        // The boot didn't come that far.
        return Ok(Next::SUCCESS);
    }
    let mut live = Live::open(LIVE.as_bytes(), Lock::Exclusive, true)?;
    count_in_half_started(&mut live)?;
    // Essential services, the internal ones among them, stay: the end takes them.
    let all = live.database().services().iter().map(|s| !s.is_essential()).collect();
    let changed = change(
        &mut live,
        Direction::Down,
        all,
        &ChangeOptions {
            reporter: Reporter { name: ENGINE, verbosity: Settings::new(&call.env).verbosity() },
            force: false,
            deadline: None,
            dry_run: None,
            oneshots: Oneshots {
                starter: Starter::ThisProcess(relay),
                env: &call.env,
                path: call.path.as_deref(),
            },
            interrupt: None,
            on_interrupt: OnInterrupt::FinishOneshots,
            remind: Some(PATIENCE),
        },
    )?;
    Ok(Next::Exit(changed.code()))
}

/// Takes longruns whose start failed or was interrupted, but that still have a process, for up: so they go down in
/// order like all others, and the end doesn't surprise their `finish`.
fn count_in_half_started(live: &mut Live) -> Result<(), Fatal> {
    let down = live.up().into_iter().map(|up| !up);
    let database = live.database();
    let half: Vec<Id> = (0..)
        .zip(database.services().iter().zip(down))
        .filter(|(_, (service, down))| *down && service.is_longrun() && !service.is_internal())
        .map(|(id, _)| id)
        .filter(|id| read_status(&live.servicedir(*id)).is_ok_and(|status| status.pid != 0))
        .collect();
    half.into_iter().try_for_each(|id| live.set_up(id, true))
}
