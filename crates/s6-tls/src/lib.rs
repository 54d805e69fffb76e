//! The TLS commands of s6-networking, on rustls: a separate program.
//!
//! `s6-tlsc-io` and `s6-tlsd-io` are relays between a local program and TLS: one process with one poll loop ([`relay`]).
//! The other commands assemble command lines and pipes around them.

mod certificate;
mod client;
mod files;
mod launch;
mod relay;
mod report;
mod server;
mod session;
mod tools;

pub use certificate::Certificate;
pub use tools::TOOLS;
