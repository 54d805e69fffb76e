//! `s6-ucspitlsd`: runs a server that may ask for TLS later.

use crate::launch::{CLEAN, KEEP, Side, on_demand};
use crate::session::{J, NO_J, NO_S, S, TIMEOUT, VERBOSITY};
use tool::{Call, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ucspitlsd",
    summary: "run a program that may ask for TLS of a client",
    operands: "prog...",
    options: &[
        S,
        NO_S,
        J,
        NO_J,
        Opt::flag('Y', "ask for a client's certificate").long("client-cert"),
        Opt::flag('y', "demand a client's certificate").long("mandatory-client-cert"),
        KEEP,
        CLEAN,
        VERBOSITY,
        TIMEOUT,
        Opt::value('k', "snilevel", "1: also KEYFILE:NAME and CERTFILE:NAME; 2: only those")
            .long("sni-level"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    on_demand(call, &options, Side::Server)
}
