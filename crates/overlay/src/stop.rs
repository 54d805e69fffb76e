//! The orderly end of the services.

pub(crate) mod stage3;
