//! `services-up`: starts the services of services.d; the oneshot legacy-services runs it when it goes up.

use crate::legacy::start_services::start_services;
use crate::texts;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "services-up",
    summary: "start the services of services.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: |call| {
        texts::follow(TOOL.name);
        start_services(call)
    },
};
