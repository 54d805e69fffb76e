//! The error number of the C library's last failed call.

use crate::Errno;

/// Why the last call failed.  Async-signal-safe.
pub(crate) fn last() -> Errno {
    // A number that can't be one doesn't come from a call that failed.
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
