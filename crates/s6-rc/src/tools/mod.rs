//! The commands of s6-rc, one file each, named after the command with `-` as `_`.

mod s6_rc_compile;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[&s6_rc_compile::TOOL];
