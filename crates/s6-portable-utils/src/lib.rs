//! The s6-portable-utils suite.

mod paths;
mod tools;

pub use tools::TOOLS;
