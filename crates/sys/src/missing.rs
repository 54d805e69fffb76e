//! System calls that aren't there: old kernels answer `NOSYS`, container engines' profiles that are older than a call
//! answer `PERM`.
//!
//! The program needs no call that is newer than Linux 3.10, but for what only that call can do.  So each use of a newer one
//! has another way, which is taken on both answers.  A permission that is really missing is missing on the other way, too.

use rustix::io::Errno;

/// Whether this answer may mean that the call isn't there.
#[must_use]
pub fn is_missing(e: Errno) -> bool {
    matches!(e, Errno::NOSYS | Errno::PERM)
}
