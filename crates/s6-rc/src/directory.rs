//! Where definitions are read: in directories, or in what a checker holds of an image.

use files::{Each, Kind, follow, for_each_kind, open_dir, read_file, read_regular_file};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;

/// A directory that was opened.
pub trait Directory: Sized {
    /// Opens a directory in it; links are followed.
    ///
    /// # Errors
    /// As open(2).
    fn open(&self, name: &[u8]) -> Result<Self, Errno>;

    /// Calls `each` with the name and the kind of every entry, in any order; links are not followed.
    ///
    /// # Errors
    /// The directory can't be read, or the error of `each`, which ends it.
    fn list(&self, each: Each<'_>) -> Result<(), Errno>;

    /// What an entry is, links followed; [`Kind::Other`] if it leads nowhere.
    fn follow(&self, name: &[u8]) -> Kind;

    /// The beginning of a file; `is_regular`: a listing has shown that it is one.
    ///
    /// # Errors
    /// As open(2) and read(2).
    fn read(&self, name: &[u8], is_regular: bool, limit: usize) -> Result<Vec<u8>, Errno>;
}

impl Directory for OwnedFd {
    fn open(&self, name: &[u8]) -> Result<Self, Errno> {
        open_dir(self, name)
    }

    fn list(&self, each: Each<'_>) -> Result<(), Errno> {
        for_each_kind(self.as_fd(), each)
    }

    fn follow(&self, name: &[u8]) -> Kind {
        follow(self, name)
    }

    fn read(&self, name: &[u8], is_regular: bool, limit: usize) -> Result<Vec<u8>, Errno> {
        let read = if is_regular { read_regular_file } else { read_file };
        read(self.as_fd(), name, limit)
    }
}
