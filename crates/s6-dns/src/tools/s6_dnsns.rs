//! `s6-dnsns`: prints the name servers of a domain.

use crate::look_up::{LOOK_UP, records};
use crate::record::NS;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsns",
    summary: "print the name servers of a domain",
    operands: "domain",
    options: LOOK_UP,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    records(call, NS)
}
