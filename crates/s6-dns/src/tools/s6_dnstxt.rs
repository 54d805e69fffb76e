//! `s6-dnstxt`: prints the texts of a domain, quoted.

use crate::record::TXT;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnstxt",
    summary: "print the texts of a domain, quoted",
    operands: "domain",
    options: super::LOOK_UP,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    super::records(call, TXT)
}
