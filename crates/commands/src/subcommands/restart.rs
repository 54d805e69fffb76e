//! `s6-overlay restart`: restarts services, and starts those that are down.
//!
//! A daemon is restarted alone; what needs it goes on.  A oneshot is brought down and up again by s6-rc, which stops what needs
//! it, too: then, as with `--dependents`, everything that went down is brought back.

use crate::steer::{DEPENDENTS, Deed, NO_WAIT, TIMEOUT, Wish, carry_out};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay restart",
    summary: "restart services, and bring back what went down for that",
    operands: "name...",
    options: &[DEPENDENTS, NO_WAIT, TIMEOUT],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    carry_out(call, Wish::of(Deed::Restart, &options)?)
}
