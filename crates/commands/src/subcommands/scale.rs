//! `s6-overlay scale`: changes how many instances of services there are.

use crate::steer::{self, TIMEOUT};
use tool::{Call, Outcome, Role, Tool, clock};

pub static TOOL: Tool = Tool {
    name: "s6-overlay scale",
    summary: "change how many instances of services there are",
    operands: "name=number...",
    options: &[TIMEOUT],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let deadline = clock::deadline(options.number('t')?);
    steer::scale::scale(call, deadline)
}
