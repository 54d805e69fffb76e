//! `s6-overlay start`: starts services, and what they need.

use crate::steer::{Deed, NO_WAIT, TIMEOUT, Wish, carry_out};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay start",
    summary: "start services, and what they need",
    operands: "name...",
    options: &[NO_WAIT, TIMEOUT],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    carry_out(call, Wish::of(Deed::Start, &options)?)
}
