//! `s6-instance-status`: `s6-svstat` on an instance of an instanced service.

use crate::instance::on_instance;
use crate::service_options::STATUS;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-instance-status",
    summary: "print the state of an instance",
    operands: "servicedir name",
    options: STATUS,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    on_instance(call, "s6-svstat")
}
