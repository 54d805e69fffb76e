//! `s6-dnsip4-filter`: adds IPv4 addresses to the names that lines begin with.

use crate::filter::{OPTIONS, name_at_start, run};
use crate::record::A;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsip4-filter",
    summary: "add IPv4 addresses to the names that lines begin with",
    operands: "",
    options: OPTIONS,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    run(call, &options, A, name_at_start)
}
