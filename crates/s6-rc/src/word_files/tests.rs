//! Directories for the tests of those who read such files.

use std::os::unix::ffi::OsStrExt;
use tempfile::TempDir;

/// Names and contents.
pub(crate) type Files<'a> = &'a [(&'a str, &'a str)];

/// A directory with these files.
pub(crate) fn directory(files: Files<'_>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

pub(crate) fn path(dir: &TempDir) -> &[u8] {
    dir.path().as_os_str().as_bytes()
}
