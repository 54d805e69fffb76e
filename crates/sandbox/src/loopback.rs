//! Brings the loopback of a fresh network namespace up.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketType};

/// Sets IFF_UP on interface 1, which is the loopback in every network namespace: one RTM_NEWLINK request, rtnetlink(7).
/// The protocol, NETLINK_ROUTE, is number 0, hence the default.
///
/// | bytes | field |
/// |---|---|
/// | 0..4 | length, 32 |
/// | 4..6 | type, RTM_NEWLINK = 16 |
/// | 6..8 | flags, NLM_F_REQUEST = 1 |
/// | 8..16 | sequence number and sender, 0 |
/// | 16..20 | family and device type, 0 |
/// | 20..24 | interface index, 1 |
/// | 24..28 | flags, IFF_UP = 1 |
/// | 28..32 | which flags to change, IFF_UP = 1 |
///
/// # Errors
/// The kernel's error.
pub fn up() -> Result<(), Errno> {
    let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    let mut request = Vec::with_capacity(32);
    request.extend_from_slice(&32_u32.to_ne_bytes());
    request.extend_from_slice(&16_u16.to_ne_bytes());
    request.extend_from_slice(&1_u16.to_ne_bytes());
    request.extend_from_slice(&[0; 12]);
    for field in [1_u32, 1, 1] {
        request.extend_from_slice(&field.to_ne_bytes());
    }
    rustix::net::send(&socket, &request, SendFlags::empty())?;
    Ok(())
}
