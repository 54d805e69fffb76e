//! `s6-dnssoa`: prints the start of authority of a domain.

use crate::record::SOA;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnssoa",
    summary: "print the start of authority of a domain",
    operands: "domain",
    options: super::LOOK_UP,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    super::records(call, SOA)
}
