//! Moving an image's files to version 3 of the overlay: what `s6-overlay migrate` finds and fixes.
//!
//! | module | what it is |
//! |---|---|
//! | [`place`] | pure: a path → which rules apply to the file |
//! | [`text`] | pure: a script → its changed lines, and what only a human can decide |
//! | [`bundle`] | pure: what is in an old bundle's folder → where it goes |
//! | [`survey`] | goes through a root, reports, and writes if it may |
//!
//! Fixing is idempotent: what was fixed is found in order the next time.  Nothing is followed out of the root: every
//! directory and file is opened from its parent's descriptor, without following links.

pub(crate) mod bundle;
pub(crate) mod place;
pub(crate) mod survey;
pub(crate) mod text;
