//! The socket through which `s6-rc` has oneshots run in the supervision tree's environment.

use crate::launch::Launch;
use rustix::fs::{AtFlags, CWD, Mode};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::os::fd::{AsFd, OwnedFd};

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
                let file = Launch::own_file(SERVER);
                launch.spawn(None, &file, &[SERVER.as_bytes()], &[(connection.as_fd(), 0)])?;
            }
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR | Errno::CONNABORTED) => {}
            Err(e) => return Err(e),
        }
    }
}
