//! `s6-dnssoa`: prints the start of authority of a domain.

use crate::look_up::{LOOK_UP, records};
use crate::record::SOA;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnssoa",
    summary: "print the start of authority of a domain",
    operands: "domain",
    options: LOOK_UP,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    records(call, SOA)
}
