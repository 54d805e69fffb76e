//! Supervision as a library: one service as a state machine with its effects, and the host of a scan directory, which runs
//! many of them in one process.
//!
//! Nothing here panics: this crate runs in pid 1.

pub mod board;
pub mod host;
mod journal;
pub mod launch;
pub mod memory;
pub mod noexec;
mod part;
pub mod service;
mod slot;
pub mod solo;
mod system;
