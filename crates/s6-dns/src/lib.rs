//! The s6-dns suite.

mod tools;

pub use tools::TOOLS;
