//! The s6-networking suite.
//!
//! What comes from outside is parsed by pure functions: [`proxy`], [`ident`], [`sntp`], [`taiclock`], [`clock`].

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
