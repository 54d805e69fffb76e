//! The container's environment, and the overlay's variables in it.

pub(crate) mod contenv;
pub(crate) mod settings;
