//! The commands of s6-portable-utils, one file each, named after the command with `-` as `_`.

mod s6_true;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[&s6_true::TOOL];
