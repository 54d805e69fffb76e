//! `s6-dnsip6-filter`: adds IPv6 addresses to the names that lines begin with.

use crate::filter::{OPTIONS, name_at_start, run};
use crate::record::AAAA;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsip6-filter",
    summary: "add IPv6 addresses to the names that lines begin with",
    operands: "",
    options: OPTIONS,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    run(call, &options, AAAA, name_at_start)
}
