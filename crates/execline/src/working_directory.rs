//! The working directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use tool::{Fatal, OrUnable};

/// Changes the working directory with chdir(2).
pub(crate) fn change(directory: &[u8]) -> Result<(), Fatal> {
    rustix::process::chdir(OsStr::from_bytes(directory)).or_unable_to("chdir to", directory)
}
