//! The s6-networking suite.

mod tools;

pub use tools::TOOLS;
