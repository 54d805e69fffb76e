//! The s6-portable-utils suite.

mod paths;
mod quoting;
mod tools;

pub use tools::TOOLS;
