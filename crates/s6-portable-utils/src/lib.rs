//! The s6-portable-utils suite.

mod tools;

pub use tools::TOOLS;
