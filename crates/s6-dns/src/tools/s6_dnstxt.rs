//! `s6-dnstxt`: prints the texts of a domain, quoted.

use crate::look_up::{LOOK_UP, records};
use crate::record::TXT;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnstxt",
    summary: "print the texts of a domain, quoted",
    operands: "domain",
    options: LOOK_UP,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    records(call, TXT)
}
