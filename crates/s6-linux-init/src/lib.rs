//! The s6-linux-init suite: what stops a machine, or here, a container.
//!
//! `halt` and its relatives tell the container's first process what to do through one FIFO ([`request`]);
//! that process, which belongs to the overlay, does it.

mod hpr;
pub mod request;
mod tools;
mod utmp;

pub use tools::TOOLS;
