//! The s6 suite.

mod tools;

pub use tools::TOOLS;
