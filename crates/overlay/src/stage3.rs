//! Stage 3, in a child of the first process: brings all services down.

use crate::layout::LIVE;
use crate::settings::Settings;
use crate::stage2::ENGINE;
use rustix::fs::{AtFlags, CWD};
use s6_rc::change::{self, OnInterrupt, Oneshots};
use s6_rc::live::{Live, Lock};
use s6_rc::plan::Direction;
use tool::{Call, Next, Outcome, Role, Tool};

/// Not in the table: nobody calls it by name.
pub static TOOL: Tool = Tool {
    name: "init",
    summary: "bring all services down",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    if rustix::fs::statat(CWD, LIVE, AtFlags::empty()).is_err() {
        // The boot didn't come that far.
        return Ok(Next::SUCCESS);
    }
    let mut live = Live::open(LIVE.as_bytes(), Lock::Exclusive, true)?;
    // Essential services, the internal ones among them, stay: the end takes them.
    let all = live.database().services().iter().map(|s| !s.is_essential()).collect();
    let engine = Call {
        tool: &ENGINE,
        argv0: b"s6-rc".to_vec(),
        args: Vec::new(),
        env: call.env.clone(),
        path: call.path.clone(),
    };
    let changed = change::change(
        &mut live,
        Direction::Down,
        all,
        &change::Options {
            call: &engine,
            force: false,
            deadline: None,
            verbosity: Settings::new(&call.env).verbosity(),
            dry_run: None,
            oneshots: Oneshots::Direct(call.env.clone()),
            interrupt: None,
            on_interrupt: OnInterrupt::FinishOneshots,
        },
    )?;
    Ok(Next::Exit(changed.code()))
}
