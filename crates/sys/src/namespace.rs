//! Namespaces: leaving those in which a process began.

use rustix::io::Errno;
use rustix::thread::UnshareFlags;

/// unshare(2), for namespaces only: `INVAL` if the flags ask for a private descriptor table.
pub fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    if flags.contains(UnshareFlags::FILES) {
        return Err(Errno::INVAL);
    }
    // SAFETY: what makes the call unsafe is CLONE_FILES alone, which would pull descriptors from under other threads.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_table_stays_shared() {
        assert_eq!(unshare(UnshareFlags::FILES), Err(Errno::INVAL));
    }
}
