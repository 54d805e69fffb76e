//! The commands of s6-linux-init, one file each, named after the command with `-` as `_`.

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[];
