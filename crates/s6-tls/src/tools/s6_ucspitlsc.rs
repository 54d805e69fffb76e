//! `s6-ucspitlsc`: runs a client that may ask for TLS later.

use crate::launch::{BELIEVE, CLEAN, KEEP, READ, Side, WRITE, on_demand};
use crate::session::{J, NO_J, NO_S, S, TIMEOUT, VERBOSITY};
use tool::{Call, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ucspitlsc",
    summary: "run a program that may ask for TLS to a server",
    operands: "prog...",
    options: &[
        S,
        NO_S,
        J,
        NO_J,
        Opt::flag('Y', "send no certificate (default)").long("no-client-cert"),
        Opt::flag('y', "send the certificate CERTFILE with the key KEYFILE").long("client-cert"),
        KEEP,
        CLEAN,
        VERBOSITY,
        TIMEOUT,
        Opt::value('k', "servername", "the name that the server must have").long("servername"),
        READ,
        WRITE,
        Opt::flag(BELIEVE, "believe any server").long("no-verify-cert"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let side = Side::client(&options)?;
    on_demand(call, &options, side)
}
