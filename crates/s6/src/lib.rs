//! The s6 suite: supervision.

pub mod access_rules;
pub mod command_line;
pub mod control;
pub mod expect;
pub mod fdholder;
pub mod fifodir;
pub mod identity;
pub mod instance;
pub mod link;
pub mod listen;
pub mod log;
mod maker;
mod memo;
mod queue;
pub mod relay;
pub mod rest;
pub mod scandir;
pub mod service;
pub mod status;
pub mod super_server;
mod syslog;
mod tools;
pub mod unix_message;
mod unix_socket;
pub mod watch;

pub use tool::clock;
pub use tools::TOOLS;
