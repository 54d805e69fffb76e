//! `s6-dnssrv`: prints the servers of a service in a domain.

use crate::look_up::{LOOK_UP, records_of};
use crate::record::SRV;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnssrv",
    summary: "print the servers of a service in a domain",
    operands: "service proto domain",
    options: LOOK_UP,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (service, protocol, domain) = (call.shift()?, call.shift()?, call.shift()?);
    let name = [&b"_"[..], &service, b"._", &protocol, b".", &domain].concat();
    records_of(call, &options, &name, SRV)
}
