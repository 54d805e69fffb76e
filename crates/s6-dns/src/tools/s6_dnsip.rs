//! `s6-dnsip`: prints the IPv6 and IPv4 addresses of a name.

use crate::families::Families;
use crate::look_up::{WITH_HOSTS, addresses};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsip",
    summary: "print the IPv6 and IPv4 addresses of a name",
    operands: "domain",
    options: WITH_HOSTS,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    addresses(call, Families::BOTH)
}
