//! The s6-linux-utils suite.

mod fstab_services;
mod mounting;
mod ps;
mod tools;

pub use tools::TOOLS;
