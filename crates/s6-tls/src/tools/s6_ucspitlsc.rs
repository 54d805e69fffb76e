//! `s6-ucspitlsc`: runs a client that may start TLS later.

use crate::launch::{self, Side, on_demand};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ucspitlsc",
    summary: "run a client that may start TLS later",
    operands: "prog...",
    options: launch::CLIENT,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let side = Side::client(&options)?;
    on_demand(call, &options, side)
}
