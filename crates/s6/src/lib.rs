//! The commands of s6, and what some of them share.

mod beside;
mod instance;
mod maker;
mod service_options;
mod tools;

pub use tools::TOOLS;
