//! The overlay suite.

mod tools;

pub use tools::TOOLS;
