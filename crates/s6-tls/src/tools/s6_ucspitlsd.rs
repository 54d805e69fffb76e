//! `s6-ucspitlsd`: runs a server that may start TLS later.

use crate::launch::{self, Side, on_demand};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ucspitlsd",
    summary: "run a server that may start TLS later",
    operands: "prog...",
    options: launch::SERVER,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    on_demand(call, &options, Side::Server)
}
