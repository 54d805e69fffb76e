//! The s6-dns suite: a stub resolver as a library, and its commands.
//!
//! [`resolver::Resolver`] is the interface for other programs: it answers from the hosts file and the DNS.  Below it,
//! [`name`], [`message`] and `record` read and write what goes over the network; [`query`] is the pure machine that
//! decides which server to ask next and how long to wait; `exchange` performs its decisions.

mod debug_query;
pub mod dump;
mod exchange;
pub mod failure;
pub mod families;
mod filter;
pub mod hosts;
mod line_format;
mod look_up;
pub mod message;
pub mod name;
pub mod query;
mod random;
mod record;
pub mod resolv_conf;
pub mod resolver;
pub mod skadns;
mod tools;

pub use tools::TOOLS;
