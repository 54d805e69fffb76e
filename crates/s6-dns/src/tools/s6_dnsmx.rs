//! `s6-dnsmx`: prints the mail exchangers of a domain.

use crate::look_up::{LOOK_UP, records};
use crate::record::MX;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsmx",
    summary: "print the mail exchangers of a domain",
    operands: "domain",
    options: LOOK_UP,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    records(call, MX)
}
