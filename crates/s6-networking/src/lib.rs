//! The s6-networking suite.
//!
//! Bytes from outside are parsed by pure functions: [`proxy`], [`ident`], [`sntp`], [`taiclock`], [`clock`].

mod address;
pub mod clock;
pub mod ident;
mod peers;
pub mod proxy;
pub mod sntp;
mod socket;
pub mod taiclock;
mod time_client;
mod tools;

pub use tools::TOOLS;
