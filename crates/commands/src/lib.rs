//! `s6-overlay` for people: what a container is like, and how it is steered and installed.
//!
//! | module | what it is |
//! |---|---|
//! | [`subcommands`] | entry points: one subcommand per file |
//! | [`tools`] | commands that the program calls by itself, one file each |
//! | [`status`] | what a container is like: facts, and what follows from them, for people and probes |
//! | [`boot`] | what the start of a container has taken its time for |
//! | [`steer`] | what `s6-overlay start`, `stop`, `restart` and `reload` do |
//! | [`install`] | what `s6-overlay install` does |
//! | [`attendant`] | the process that answers over HTTP |
//! | [`probing`] | the process that finds out whether services are ready and do their work |
//! | [`json`], [`stamp`] | documents for programs; times in logs |
//!
//! Process 1 uses none of it.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod attendant;
pub mod boot;
mod install;
mod json;
pub mod probing;
mod stamp;
pub mod status;
mod steer;
mod subcommands;
mod tools;

pub use subcommands::{Build, COMMANDS, Command, PREFIX, find, meant_by, set_build, take_call};
pub use tools::TOOLS;
