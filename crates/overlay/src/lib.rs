//! The overlay: the container's first process, its stages, and what images use of them.

pub mod attributes;
pub mod child;
pub mod contenv;
pub mod layout;
pub mod lifecycle;
pub mod preinit;
mod prepare;
pub mod processes;
pub mod scripts;
pub mod searchpath;
pub mod settings;
mod tools;
pub mod tree;

pub use tools::TOOLS;
