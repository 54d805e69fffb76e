//! The commands of s6-portable-utils, one file each, named after the command with `-` as `_`.

mod s6_cat;
mod s6_chmod;
mod s6_chown;
mod s6_echo;
mod s6_env;
mod s6_false;
mod s6_maximumtime;
mod s6_mkdir;
mod s6_mkfifo;
mod s6_pause;
mod s6_printenv;
mod s6_rename;
mod s6_sleep;
mod s6_sync;
mod s6_touch;
mod s6_true;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_cat::TOOL,
    &s6_chmod::TOOL,
    &s6_chown::TOOL,
    &s6_echo::TOOL,
    &s6_env::TOOL,
    &s6_false::TOOL,
    &s6_maximumtime::TOOL,
    &s6_mkdir::TOOL,
    &s6_mkfifo::TOOL,
    &s6_pause::TOOL,
    &s6_printenv::TOOL,
    &s6_rename::TOOL,
    &s6_sleep::TOOL,
    &s6_sync::TOOL,
    &s6_touch::TOOL,
    &s6_true::TOOL,
];
