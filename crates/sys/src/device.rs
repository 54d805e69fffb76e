//! Requests to devices that rustix has no safe form of: block buffers, swap, the entropy pool.

use rustix::io::Errno;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd};

fn check(rc: libc::c_int) -> Result<(), Errno> {
    if rc == -1 { Err(crate::errno::last()) } else { Ok(()) }
}

/// Drops the buffers of a block device, `BLKFLSBUF`; a RAM disk releases its memory.
pub fn flush_buffers(device: impl AsFd) -> Result<(), Errno> {
    const BLKFLSBUF: u32 = 0x1261;
    // SAFETY: the request takes no memory.
    check(unsafe { libc::ioctl(device.as_fd().as_raw_fd(), BLKFLSBUF as _, 0) })
}

/// swapon(2) without a priority.
pub fn swap_on(device: &[u8]) -> Result<(), Errno> {
    let device = CString::new(device).map_err(|_| Errno::INVAL)?;
    // SAFETY: a NUL-terminated string.
    check(unsafe { libc::swapon(device.as_ptr(), 0) })
}

/// swapoff(2).
pub fn swap_off(device: &[u8]) -> Result<(), Errno> {
    let device = CString::new(device).map_err(|_| Errno::INVAL)?;
    // SAFETY: a NUL-terminated string.
    check(unsafe { libc::swapoff(device.as_ptr()) })
}

/// Mixes bytes into the kernel's random number generator and credits it with their entropy, `RNDADDENTROPY`,
/// random(4).
pub fn add_entropy(random: impl AsFd, bytes: &[u8]) -> Result<(), Errno> {
    const RNDADDENTROPY: u32 = 0x4008_5203;
    // struct rand_pool_info: bits of entropy, bytes of data, the data, as native integers.
    let size = i32::try_from(bytes.len()).map_err(|_| Errno::INVAL)?;
    let mut info = Vec::with_capacity(8 + bytes.len());
    info.extend_from_slice(&size.saturating_mul(8).to_ne_bytes());
    info.extend_from_slice(&size.to_ne_bytes());
    info.extend_from_slice(bytes);
    // SAFETY: the buffer has the two integers and as many bytes as the second one says.
    check(unsafe { libc::ioctl(random.as_fd().as_raw_fd(), RNDADDENTROPY as _, info.as_ptr()) })
}
