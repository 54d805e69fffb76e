//! The commands of s6, one file each, named after the command with `-` as `_`.

mod s6_applyuidgid;
mod s6_envdir;
mod s6_envuidgid;
mod s6_fghack;
mod s6_notifyoncheck;
mod s6_setlock;
mod s6_setsid;
mod s6_setuidgid;
mod s6_softlimit;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_applyuidgid::TOOL,
    &s6_envdir::TOOL,
    &s6_envuidgid::TOOL,
    &s6_fghack::TOOL,
    &s6_notifyoncheck::TOOL,
    &s6_setlock::TOOL,
    &s6_setsid::TOOL,
    &s6_setuidgid::TOOL,
    &s6_softlimit::TOOL,
];
