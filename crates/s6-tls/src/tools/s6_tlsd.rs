//! `s6-tlsd`: runs a server on a TLS connection.

use crate::launch::{self, Side, immediately};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tlsd",
    summary: "run a program on a TLS connection from a client",
    operands: "prog...",
    options: launch::SERVER,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    immediately(call, &options, Side::Server)
}
