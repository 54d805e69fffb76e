//! Sockets with a path.

use rustix::fs::{AtFlags, CWD, FileType, Mode};
use rustix::io::Errno;
use rustix::net::{SocketAddrUnix, bind};
use std::os::fd::AsFd;

/// Binds to a path with these permissions; with `reuse`, replaces a socket that is left over there.
pub fn bind_to(socket: impl AsFd, path: &[u8], permissions: u32, reuse: bool) -> Result<(), Errno> {
    let address = SocketAddrUnix::new(path)?;
    if reuse
        && let Ok(st) = sys::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
        && FileType::from_raw_mode(st.st_mode).is_socket()
    {
        sys::fs::unlink(path)?;
    }
    // The socket has its permissions from the moment when it exists.
    let umask = rustix::process::umask(Mode::from_raw_mode(!permissions & 0o777));
    let bound = bind(socket, &address);
    rustix::process::umask(umask);
    bound
}
