//! The s6-dns suite: a stub resolver as a library, and its commands.
//!
//! [`resolver::Resolver`] is what other programs use: it answers from the hosts file and from the DNS.  Below it:
//! [`name`], [`message`] and [`record`] read and write what goes over the network, [`query`] decides whom to ask
//! next and for how long, without doing it, and [`exchange`] does it.

pub mod dump;
pub mod exchange;
pub mod failure;
pub mod families;
pub mod hosts;
pub mod line_format;
pub mod message;
pub mod name;
pub mod query;
mod random;
pub mod record;
pub mod resolv_conf;
pub mod resolver;
pub mod skadns;
mod tools;

pub use tools::TOOLS;
