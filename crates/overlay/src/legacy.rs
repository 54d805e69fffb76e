//! What images of version 2 have: folders of scripts, and rules for owners and modes.

pub(crate) mod attributes;
pub(crate) mod scripts;
