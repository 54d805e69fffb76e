//! The container's environment and the overlay's variables in it.
//!
//! | module | what it is |
//! |---|---|
//! | [`contenv`] | the container's environment as files |
//! | [`listen`] | where the attendant answers |
//! | [`variables`] | the table of the overlay's variables |
//! | [`settings`] | the values of these variables |
//! | [`overrides`] | what the variables say about the ends of daemons |

pub mod contenv;
pub mod listen;
pub(crate) mod overrides;
pub mod settings;
pub mod variables;
