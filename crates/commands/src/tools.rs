//! The commands that the program calls by itself, one file each, named after the command with `-` as `_`.

mod s6_overlay_attendant;
mod s6_overlay_attended;
mod s6_overlay_instance;
mod s6_overlay_probes;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_overlay_attendant::TOOL,
    &s6_overlay_attended::TOOL,
    &s6_overlay_instance::TOOL,
    &s6_overlay_probes::TOOL,
];
