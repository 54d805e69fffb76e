//! The s6-linux-init suite: boots and stops a machine or a container.
//!
//! `halt` and its relatives send a [`request`] through a FIFO: to process 1 of the overlay, or to
//! `s6-linux-init-shutdownd` in a system that `s6-linux-init` booted.

mod hpr;
mod image;
mod init_options;
pub mod request;
mod shutdown;
mod telinit;
mod tools;
mod utmp;

pub use tools::TOOLS;
