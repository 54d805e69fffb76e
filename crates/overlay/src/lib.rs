//! The overlay: the container's first process, its stages, and what images use of them.
//!
//! Nothing here panics: some of it is process 1.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod attributes;
pub mod catchall;
pub mod child;
pub mod commands;
pub mod contenv;
mod first;
pub mod install;
pub mod layout;
pub mod lifecycle;
pub mod logdir;
pub mod migrate;
mod omissions;
pub mod preinit;
mod prepare;
pub mod processes;
pub mod relay;
mod remains;
pub mod results;
pub mod scripts;
pub mod searchpath;
pub mod settings;
mod stage2;
mod stage3;
mod tools;
pub mod tree;

pub use tools::{SUEXEC, TOOLS};
