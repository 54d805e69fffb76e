//! The s6-linux-init suite.

mod tools;

pub use tools::TOOLS;
