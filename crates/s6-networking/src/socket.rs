//! Sockets with Internet addresses.

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, connect, getpeername, getsockname, socket_with, sockopt,
};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use tool::clock::{Moment, poll_until};

/// Creates a socket for the family of `ip`; an IPv6 socket doesn't accept IPv4.
pub(crate) fn socket_for(ip: IpAddr, kind: SocketType, flags: SocketFlags) -> Result<OwnedFd, Errno> {
    let family = if ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, kind, flags | SocketFlags::CLOEXEC, None)?;
    if ip.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(socket)
}

/// Connects a non-blocking socket; `TIMEDOUT` when the deadline passes.
pub(crate) fn connect_until(socket: &OwnedFd, to: SocketAddr, deadline: Option<Moment>) -> Result<(), Errno> {
    match connect(socket, &to) {
        Err(Errno::INPROGRESS | Errno::INTR) => {}
        done => return done,
    }
    wait(socket, PollFlags::OUT, deadline)?;
    sockopt::socket_error(socket)?
}

/// Waits until a descriptor is ready; `TIMEDOUT` when the deadline passes.
pub(crate) fn wait(fd: impl AsFd, what: PollFlags, deadline: Option<Moment>) -> Result<(), Errno> {
    match poll_until(&mut [PollFd::from_borrowed_fd(fd.as_fd(), what)], deadline)? {
        0 => Err(Errno::TIMEDOUT),
        _ => Ok(()),
    }
}

/// The address that a socket is bound to.
pub(crate) fn local_address(socket: impl AsFd) -> Result<SocketAddr, Errno> {
    SocketAddr::try_from(getsockname(socket)?)
}

/// The address that a socket is connected to.
pub(crate) fn remote_address(socket: impl AsFd) -> Result<SocketAddr, Errno> {
    SocketAddr::try_from(getpeername(socket)?.ok_or(Errno::NOTCONN)?)
}
