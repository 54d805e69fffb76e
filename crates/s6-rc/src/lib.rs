//! The s6-rc suite.

mod tools;

pub use tools::TOOLS;
