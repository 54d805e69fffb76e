//! The execline suite.

mod tools;

pub use tools::TOOLS;
