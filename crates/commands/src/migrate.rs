//! Migration of an image's files to version 3 of the overlay: what `s6-overlay migrate` finds and fixes.
//!
//! | module | what it is |
//! |---|---|
//! | [`place`] | pure: a path → the rules for the file |
//! | [`text`] | pure: a script → its changed lines, and what a human has to decide |
//! | [`bundle`] | pure: the folder of an old bundle → the steps that move it |
//! | [`survey`] | searches a root, reports, and writes if it may |
//!
//! Fixing is idempotent: a second run finds nothing to fix.  Nothing outside of the root is touched: every directory and file
//! is opened from the descriptor of its parent, without following links.

pub(crate) mod bundle;
pub(crate) mod place;
pub(crate) mod survey;
pub(crate) mod text;
