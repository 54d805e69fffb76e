//! `s6-instance-control`: `s6-svc` on an instance of an instanced service.

use super::s6_svc;
use crate::instance::on_instance;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-instance-control",
    summary: "send commands to the supervisor of an instance",
    operands: "servicedir name",
    options: s6_svc::TOOL.options,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    on_instance(call, "s6-svc")
}
