//! `s6-instance-status`: `s6-svstat` on an instance of an instanced service.

use super::s6_svstat;
use crate::instance::on_instance;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-instance-status",
    summary: "tell the state of an instance",
    operands: "servicedir name",
    options: s6_svstat::TOOL.options,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    on_instance(call, "s6-svstat")
}
