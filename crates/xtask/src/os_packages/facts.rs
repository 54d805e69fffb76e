//! What both packages say of themselves.

/// The name of both.
pub const NAME: &str = "s6-overlay-rs";
/// The version of both.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What it does, in a line.
pub const SUMMARY: &str = "Process supervision and init for containers: s6-overlay as one static program";
/// The licence, as SPDX names it.
pub const LICENCE: &str = "ISC";
