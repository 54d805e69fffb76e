//! The s6-linux-utils suite.

mod fstab;
mod mounting;
mod tools;

pub use tools::TOOLS;
