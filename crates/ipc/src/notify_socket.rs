//! The socket at which a service manager hears of readiness, by the protocol of sd_notify(3).

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::os::fd::OwnedFd;

/// The variable that names the socket.
pub const NOTIFY_SOCKET: &[u8] = b"NOTIFY_SOCKET";

/// The address of a socket: a path, or `@` and an abstract name.
///
/// # Errors
/// The name is too long.
pub fn address(name: &[u8]) -> Result<SocketAddrUnix, Errno> {
    match name.strip_prefix(b"@") {
        Some(name) => SocketAddrUnix::new_abstract_name(name),
        None => SocketAddrUnix::new(name),
    }
}

/// A socket that is connected to the manager's, to be written to by [`crate::unix_message::send_with`].
///
/// # Errors
/// Those of socket(2) and connect(2).
pub fn connect(address: &SocketAddrUnix) -> Result<OwnedFd, Errno> {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::connect(&socket, address)?;
    Ok(socket)
}
