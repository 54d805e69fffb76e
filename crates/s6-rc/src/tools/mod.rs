//! The commands of s6-rc, one file each, named after the command with `-` as `_`.

mod s6_rc;
mod s6_rc_compile;
mod s6_rc_db;
mod s6_rc_dryrun;
mod s6_rc_init;
mod s6_rc_oneshot_run;
mod s6_rc_update;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_rc::TOOL,
    &s6_rc_compile::TOOL,
    &s6_rc_db::TOOL,
    &s6_rc_dryrun::TOOL,
    &s6_rc_init::TOOL,
    &s6_rc_oneshot_run::TOOL,
    &s6_rc_update::TOOL,
];
