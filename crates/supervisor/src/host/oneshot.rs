//! The socket through which `s6-rc` has oneshots run in the supervision tree's environment.

use crate::launch::Launch;
use rustix::fs::{AtFlags, CWD, Mode};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The socket, under the scan directory: short enough for any socket address.
const PATH: &str = ".s6-svscan/oneshot";

/// The tool that serves one connection on its standard input.
const SERVER: &str = "s6-rc-oneshot-run";

/// Makes the socket in the working directory, which is the scan directory.
pub(super) fn listen() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match sys::fs::unlinkat(CWD, PATH, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(e) => return Err(e),
    }
    let umask = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = rustix::net::bind(&socket, &SocketAddrUnix::new(PATH)?);
    rustix::process::umask(umask);
    bound?;
    rustix::net::listen(&socket, 16)?;
    Ok(socket)
}

/// Accepts the waiting connections and starts a server for each.
pub(super) fn serve(socket: &OwnedFd, launch: &Launch) -> Result<(), Errno> {
    loop {
        match rustix::net::accept_with(socket, SocketFlags::CLOEXEC) {
            Ok(connection) => {
                let served = serve_one(connection.as_fd(), launch);
                // The journal names it until then.
                launch.journal.done();
                served?;
            }
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR | Errno::CONNABORTED) => {}
            Err(e) => return Err(e),
        }
    }
}

/// Starts a server for a connection.
pub(super) fn serve_one(connection: BorrowedFd<'_>, launch: &Launch) -> Result<(), Errno> {
    launch.journal.serving(connection);
    let file = Launch::own_file(SERVER);
    launch.spawn(None, &file, &[SERVER.as_bytes()], &[(connection, 0)]).map(drop)
}

/// Whether this is a connection that a former host has accepted.
pub(super) fn is_connection(fd: BorrowedFd<'_>) -> bool {
    let is_stream = rustix::net::sockopt::socket_type(fd) == Ok(SocketType::STREAM);
    let own = rustix::net::getsockname(fd).ok().and_then(|name| SocketAddrUnix::try_from(name).ok());
    is_stream
        && own.is_some_and(|name| name.path_bytes() == Some(PATH.as_bytes()))
        && rustix::net::sockopt::socket_acceptconn(fd) == Ok(false)
}
