//! The container's environment and the overlay's variables in it.
//!
//! | module | what it is |
//! |---|---|
//! | [`contenv`] | the container's environment as files |
//! | [`variables`] | the table of the overlay's variables |
//! | [`settings`] | the values of these variables |
//! | [`overrides`] | what the variables say about the ends of daemons |

pub mod contenv;
pub(crate) mod overrides;
pub mod settings;
pub mod variables;
