//! Messages with descriptors on a Unix stream socket, the protocol of the fd holder and of s6-sudo.
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | length of the content, big-endian, at most [`MAX_SIZE`] |
//! | 4–5 | number of descriptors, big-endian, at most [`MAX_FDS`] |
//! | then | the content |
//!
//! The descriptors travel beside the first byte (`SCM_RIGHTS`).

/// Length of the header.
pub const HEADER: usize = 6;

/// The limit of the content in bytes; receivers set lower limits.
pub const MAX_SIZE: usize = 1 << 28;

/// The limit of descriptors in a message: that of the kernel.
pub const MAX_FDS: usize = 253;

/// The header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Length of the content.
    pub length: usize,
    /// Number of descriptors.
    pub fds: usize,
}

impl Header {
    /// Its bytes; `None` if a limit is exceeded.
    #[must_use]
    pub fn encode(self) -> Option<[u8; HEADER]> {
        let length = u32::try_from(self.length).ok().filter(|_| self.length <= MAX_SIZE)?.to_be_bytes();
        let fds = u16::try_from(self.fds).ok().filter(|_| self.fds <= MAX_FDS)?.to_be_bytes();
        let mut out = [0; HEADER];
        let (left, right) = out.split_at_mut(4);
        left.copy_from_slice(&length);
        right.copy_from_slice(&fds);
        Some(out)
    }

    /// From the first [`HEADER`] bytes of `bytes`, without a check of the limits; `None` if there are fewer.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (fds, _) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        Some(Self { length, fds: usize::from(u16::from_be_bytes(*fds)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bytes() {
        let header = Header { length: 0x0102, fds: 3 };
        assert_eq!(header.encode(), Some([0, 0, 1, 2, 0, 3]));
        assert_eq!(Header::decode(b"\0\0\x01\x02\0\x03rest"), Some(header));
        assert_eq!(Header::decode(b"\0\0\x01\x02\0"), None);
        assert_eq!((HEADER, MAX_SIZE, MAX_FDS), (6, 268_435_456, 253));
        let largest = Header { length: MAX_SIZE, fds: MAX_FDS };
        assert_eq!(largest.encode(), Some([0x10, 0, 0, 0, 0, 253]));
        assert_eq!(Header { length: MAX_SIZE + 1, fds: 0 }.encode(), None);
        assert_eq!(Header { length: 0, fds: MAX_FDS + 1 }.encode(), None);
    }
}
