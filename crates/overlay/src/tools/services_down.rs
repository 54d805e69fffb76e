//! `services-down`: stops the services of services.d; the oneshot legacy-services runs it when it goes down.

use crate::environment::settings::Settings;
use crate::legacy::stop_services::stop_services;
use crate::texts;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "services-down",
    summary: "stop the services of services.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: |call| {
        texts::follow(TOOL.name);
        stop_services(&Settings::new(&call.env), TOOL.name)
    },
};
