//! Sockets with a path.

use rustix::fs::{AtFlags, CWD, FileType, Mode};
use rustix::io::Errno;
use rustix::net::{SocketAddrUnix, bind};
use std::os::fd::AsFd;

/// The limit of a path in bytes: what is behind it in `sockaddr_un` (unix(7)) is a NUL byte.
const MAX_PATH: usize = 107;

/// The address of a path that any program can connect to; the kernel would bind one without a NUL byte at its end, too.
///
/// # Errors
/// `ENAMETOOLONG` if the path has more than 107 bytes.
pub fn address(path: &[u8]) -> Result<SocketAddrUnix, Errno> {
    if path.len() > MAX_PATH {
        return Err(Errno::NAMETOOLONG);
    }
    SocketAddrUnix::new(path)
}

/// Binds to a path with these permissions; with `reuse`, replaces a socket that is left over there.
pub fn bind_to(socket: impl AsFd, path: &[u8], permissions: u32, reuse: bool) -> Result<(), Errno> {
    let address = address(path)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_at_most_107_bytes() {
        assert!(address(&[b'x'; 107]).is_ok());
        assert_eq!(address(&[b'x'; 108]).err(), Some(Errno::NAMETOOLONG));
    }
}
