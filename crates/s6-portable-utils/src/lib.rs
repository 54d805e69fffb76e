//! The s6-portable-utils suite.

mod line_options;
mod paths;
mod tools;

pub use tools::TOOLS;
