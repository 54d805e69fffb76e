//! Holding descriptors for other processes: the store, the rights of clients, the server and the client.
//!
//! The protocol is [`wire::fdholder`]'s, in messages of [`crate::unix_message`].

mod client;
mod plan;
mod rights;
mod server;
mod store;

pub use client::{Connection, Held, connect, refused};
pub use rights::Rights;
pub use server::{Settings, serve};
pub use store::{Reply, Session, Store};
