//! Children that process 1 forks and that continue in this program, without exec.

use rustix::process::{Resource, Rlimit};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use sys::signal::{PIPE, Set, set_interrupting, set_mask};
use tool::diag;

/// The number of the first descriptor that a child keeps besides the standard ones.
const FIRST_FD: RawFd = 3;

/// What a forked child keeps of process 1, and its command line.
pub(crate) struct Forked<'a> {
    /// Its command line in ps.
    pub(crate) title: &'a [u8],
    /// Its limit on open files; `None` for that of process 1.
    pub(crate) open_files: Option<Rlimit>,
    /// The descriptors that it keeps besides the standard ones.
    pub(crate) keep: &'a [BorrowedFd<'a>],
    /// The numbers, in their order, of the descriptors that it keeps where they are.
    pub(crate) inherited: &'a [RawFd],
    /// The signals that it blocks.
    pub(crate) mask: &'a Set,
}

impl Forked<'_> {
    /// Releases everything else of process 1, and returns the kept descriptors in their order, as far as they are open.  It is
    /// called in the child, which must not return to the code of its parent.
    pub(crate) fn enter(&self) -> Vec<Option<OwnedFd>> {
        if let Some(limit) = self.open_files {
            let _ = sys::limit::set(Resource::Nofile, &limit);
        }
        let free = (FIRST_FD..).filter(|number| !self.inherited.contains(number));
        let moves: Vec<(RawFd, RawFd)> = self.keep.iter().map(AsRawFd::as_raw_fd).zip(free).collect();
        let _ = sys::fd::copy_all(&moves);
        let mut open: Vec<RawFd> =
            moves.iter().map(|(_, to)| *to).chain(self.inherited.iter().copied()).collect();
        open.sort_unstable();
        sys::fd::close_from_except(FIRST_FD.unsigned_abs(), &open);
        let kept = moves.iter().map(|(_, number)| sys::fd::adopt(*number).ok()).collect();
        // The host has reset all others.
        sys::fault::disarm();
        // The reader of its messages may be gone.  An execution sets a signal that is caught to its default again.
        let _ = set_interrupting(PIPE);
        set_mask(self.mask);
        diag::set_reader_limit(None);
        let _ = rustix::process::chdir("/");
        sys::args::set_title(self.title);
        kept
    }
}
