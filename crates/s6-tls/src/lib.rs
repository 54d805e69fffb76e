//! The TLS commands of s6-networking, on rustls: a program of its own.
//!
//! `s6-tlsc-io` and `s6-tlsd-io` speak TLS: a relay between a local program and the network, one process with one
//! poll loop ([`relay`]).  The other commands put command lines and pipes together around them.

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
