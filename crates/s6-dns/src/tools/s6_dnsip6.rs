//! `s6-dnsip6`: prints the IPv6 addresses of a name.

use crate::families::Families;
use crate::look_up::{WITH_HOSTS, addresses};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsip6",
    summary: "print the IPv6 addresses of a name",
    operands: "domain",
    options: WITH_HOSTS,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    addresses(call, Families::V6)
}
