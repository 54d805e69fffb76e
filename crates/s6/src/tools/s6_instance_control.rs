//! `s6-instance-control`: `s6-svc` on an instance of an instanced service.

use crate::instance::on_instance;
use crate::service_options::CONTROL;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-instance-control",
    summary: "send commands to the supervisor of an instance",
    operands: "servicedir name",
    options: CONTROL,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    on_instance(call, "s6-svc")
}
