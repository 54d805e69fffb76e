//! The s6-linux-utils suite.

mod tools;

pub use tools::TOOLS;
