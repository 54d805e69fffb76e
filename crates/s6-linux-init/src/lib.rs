//! The s6-linux-init suite: what boots and stops a machine, or here, a container.
//!
//! `halt` and its relatives tell what to do through one FIFO ([`request`]): to the container's first process, which
//! belongs to the overlay and does it, or to `s6-linux-init-shutdownd` in a container that `s6-linux-init` started.

mod hpr;
mod image;
pub mod request;
mod tools;
mod utmp;

pub use tools::TOOLS;
