//! Reading whole files, up to a limit.

use rustix::io::Errno;
use std::os::fd::AsFd;

/// Reads at most `limit` bytes of a regular file.
pub fn read_at_most(file: impl AsFd, limit: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; limit];
    let mut have = 0;
    while let Some(rest) = bytes.get_mut(have..).filter(|r| !r.is_empty()) {
        match rustix::io::read(&file, rest) {
            Ok(0) => break,
            Ok(n) => have = have.saturating_add(n),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(have);
    Ok(bytes)
}
