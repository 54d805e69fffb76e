//! `s6-tlsc`: runs a client on a TLS connection.

use crate::launch::{self, Side, immediately};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tlsc",
    summary: "run a program on a TLS connection to a server",
    operands: "prog...",
    options: launch::CLIENT,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let side = Side::client(&options)?;
    immediately(call, &options, side)
}
