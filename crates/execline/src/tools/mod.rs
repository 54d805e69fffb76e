//! The commands of execline, one file each, named after the command with `-` as `_`.

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[];
