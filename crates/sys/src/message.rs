//! Receiving a message of a Unix socket with what the kernel has beside it: descriptors, and who has sent it.

use crate::errno;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// At most so many descriptors are received with a message; the kernel closes the others.
pub const FDS_MAX: usize = 8;

/// The bytes that a message of control data takes with so many bytes of its own.
const fn space(length: u32) -> usize {
    // SAFETY: arithmetic.
    unsafe { libc::CMSG_SPACE(length) as usize }
}

/// Room for both kinds of control data, aligned as they need.
const ROOM: usize = space((FDS_MAX * size_of::<RawFd>()) as u32) + space(size_of::<libc::ucred>() as u32);

/// What has come beside the bytes of a message.
#[derive(Debug, Default)]
pub struct Beside {
    /// How many bytes there are in the buffer.
    pub length: usize,
    /// The descriptors, close-on-exec.
    pub fds: Vec<OwnedFd>,
    /// The sender's process and user, if the socket has `SO_PASSCRED`: 0 for a process outside of this pid namespace.
    pub sender: Option<(u32, u32)>,
    /// Descriptors are missing: there were too many, or this process may have no more.
    pub is_cut: bool,
}

/// Receives a message without waiting; with `peek` it also stays in the socket.
///
/// # Errors
/// As recvmsg(2); `AGAIN` if there is none.
pub fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8], peek: bool) -> Result<Beside, Errno> {
    let mut room = [0_u64; ROOM.div_ceil(size_of::<u64>())];
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: zeros are a value of it.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = room.as_mut_ptr().cast();
    header.msg_controllen = ROOM as _;
    let peek = if peek { libc::MSG_PEEK } else { 0 };
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC | peek;
    // SAFETY: both buffers are valid for as many bytes as the header says.
    let got = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    let length = usize::try_from(got).map_err(|_| errno::last())?;
    let is_cut = header.msg_flags & libc::MSG_CTRUNC != 0;
    let mut beside = Beside { length, is_cut, ..Beside::default() };
    // SAFETY: the kernel has filled in the header and the control data; CMSG_NXTHDR stays within them.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    while !next.is_null() {
        // SAFETY: as above; the data of a header follow it, and may be unaligned.
        unsafe {
            let (level, kind) = ((*next).cmsg_level, (*next).cmsg_type);
            let data = libc::CMSG_DATA(next);
            let length = ((*next).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            if (level, kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                for at in 0..length / size_of::<RawFd>() {
                    let number = data.cast::<RawFd>().add(at).read_unaligned();
                    // A fresh descriptor that no other value owns.
                    beside.fds.push(OwnedFd::from_raw_fd(number));
                }
            } else if (level, kind) == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS)
                && length >= size_of::<libc::ucred>()
            {
                let sender = data.cast::<libc::ucred>().read_unaligned();
                beside.sender = Some((u32::try_from(sender.pid).unwrap_or(0), sender.uid));
            }
            next = libc::CMSG_NXTHDR(&raw const header, next);
        }
    }
    Ok(beside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
    use std::os::fd::AsFd;

    #[test]
    fn the_sender_and_descriptors_come_with_a_message() {
        let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
        let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, flags, None).unwrap();
        let mut bytes = [0; 8];
        assert_eq!(receive(ours.as_fd(), &mut bytes, false).unwrap_err(), Errno::AGAIN);
        sockopt::set_socket_passcred(&ours, true).unwrap();
        let mut room = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(9))];
        let mut control = rustix::net::SendAncillaryBuffer::new(&mut room);
        let fds = [ours.as_fd(); 9];
        assert!(control.push(rustix::net::SendAncillaryMessage::ScmRights(&fds)));
        let parts = [rustix::io::IoSlice::new(b"text")];
        rustix::net::sendmsg(&theirs, &parts, &mut control, rustix::net::SendFlags::empty()).unwrap();
        rustix::net::send(&theirs, b"x", rustix::net::SendFlags::empty()).unwrap();
        let own = Some((std::process::id(), rustix::process::getuid().as_raw()));
        for peek in [true, false] {
            let got = receive(ours.as_fd(), &mut bytes, peek).unwrap();
            assert_eq!((&bytes[..got.length], got.fds.len()), (&b"text"[..], FDS_MAX));
            assert_eq!((got.sender, got.is_cut), (own, true));
        }
        let got = receive(ours.as_fd(), &mut bytes, false).unwrap();
        assert_eq!((got.length, got.fds.len(), got.is_cut), (1, 0, false));
    }
}
