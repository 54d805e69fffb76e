//! The orderly end of the services.

mod last_lines;
pub(crate) mod stage3;
