//! Servers and clients on Unix sockets: messages with descriptors, the super-server's loop, access rules, identities, the
//! fd holder, and the connection to a relay of services' output.

pub mod access_rules;
mod back_off;
pub mod capability;
pub mod command_line;
mod diagnostics;
pub mod fdholder;
pub mod identity;
pub mod notify_socket;
pub mod registration;
pub mod relay;
pub mod server_options;
pub mod shelf;
pub mod super_server;
pub mod unix_message;
pub mod unix_socket;
