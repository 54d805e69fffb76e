//! The commands of s6-rc, one file each, named after the command with `-` as `_`.

mod s6_rc;
mod s6_rc_compile;
mod s6_rc_db;
mod s6_rc_dryrun;
mod s6_rc_fdholder_filler;
mod s6_rc_format_upgrade;
mod s6_rc_init;
mod s6_rc_oneshot_run;
mod s6_rc_repo_init;
mod s6_rc_repo_list;
mod s6_rc_repo_sync;
mod s6_rc_set_change;
mod s6_rc_set_commit;
mod s6_rc_set_copy;
mod s6_rc_set_delete;
mod s6_rc_set_fix;
mod s6_rc_set_install;
mod s6_rc_set_new;
mod s6_rc_set_status;
mod s6_rc_update;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_rc::TOOL,
    &s6_rc_compile::TOOL,
    &s6_rc_db::TOOL,
    &s6_rc_dryrun::TOOL,
    &s6_rc_fdholder_filler::TOOL,
    &s6_rc_format_upgrade::TOOL,
    &s6_rc_init::TOOL,
    &s6_rc_oneshot_run::TOOL,
    &s6_rc_repo_init::TOOL,
    &s6_rc_repo_list::TOOL,
    &s6_rc_repo_sync::TOOL,
    &s6_rc_set_change::TOOL,
    &s6_rc_set_commit::TOOL,
    &s6_rc_set_copy::TOOL,
    &s6_rc_set_delete::TOOL,
    &s6_rc_set_fix::TOOL,
    &s6_rc_set_install::TOOL,
    &s6_rc_set_new::TOOL,
    &s6_rc_set_status::TOOL,
    &s6_rc_update::TOOL,
];
