//! What both packages hold and say.

use crate::arch::Arch;

/// The version of both.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The licence of this project, as SPDX names it.
pub const LICENCE: &str = "ISC";
/// What it does, in a line.
pub const SUMMARY: &str = "Finds mistakes in the services of s6-overlay images, at build time";
/// The page that both show.
pub const README: &str = include_str!("../../../dev/README.md");
/// The licence's text.
pub const LICENCE_TEXT: &str = include_str!("../../../../LICENSE");

/// What a package is made of.
pub struct Content<'a> {
    /// What the program runs on.
    pub arch: &'static Arch,
    /// The checker.
    pub program: &'a [u8],
    /// The licences of all that is linked into it.
    pub licences: &'a str,
}
