//! `s6-dnsmx`: prints the mail exchangers of a domain.

use crate::record::MX;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsmx",
    summary: "print the mail exchangers of a domain",
    operands: "domain",
    options: super::LOOK_UP,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    super::records(call, MX)
}
