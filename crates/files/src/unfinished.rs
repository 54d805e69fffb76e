//! A directory that appears under its name only when it is finished.

use crate::link::{exchange, rename_new};
use crate::remove::remove_tree;
use crate::temporary::unique_name;
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;

/// A new directory under a temporary name.  Dropping it removes it, unless it was finished.
#[derive(Debug)]
pub struct Unfinished<'a> {
    at: BorrowedFd<'a>,
    name: &'a [u8],
    /// Empty once there is nothing to remove.
    temporary: Vec<u8>,
}

impl<'a> Unfinished<'a> {
    /// Makes a private directory, to be `name` in `at`.
    ///
    /// # Errors
    /// As mkdir(2).
    pub fn make(at: BorrowedFd<'a>, name: &'a [u8]) -> Result<Self, Errno> {
        let name = match name {
            [name @ .., b'/'] if !name.is_empty() => name,
            name => name,
        };
        let temporary = unique_name(name);
        sys::fs::mkdirat(at, &temporary, Mode::RWXU)?;
        Ok(Self { at, name, temporary })
    }

    /// Where it is now: what is to be in it is made there.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.temporary
    }

    /// Gives it its mode, whatever the umask is, and its name.
    ///
    /// # Errors
    /// `EXIST` if there is something of that name; otherwise as rename(2).
    pub fn finish(mut self, mode: u32) -> Result<(), Errno> {
        self.set_mode(mode)?;
        rename_new(self.at, &self.temporary, self.name)?;
        self.temporary.clear();
        Ok(())
    }

    /// The same in the place of what has that name (see [`exchange`]); gives the name that the old one has now, for the
    /// caller to remove.
    ///
    /// # Errors
    /// As rename(2); the old one is where it was.
    pub fn finish_over(mut self, mode: u32) -> Result<Option<Vec<u8>>, Errno> {
        self.set_mode(mode)?;
        let old = exchange(self.at, &self.temporary, self.name)?;
        self.temporary.clear();
        Ok(old)
    }

    fn set_mode(&self, mode: u32) -> Result<(), Errno> {
        sys::fs::chmodat(self.at, &self.temporary, Mode::from_raw_mode(mode), AtFlags::empty())
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.temporary.is_empty() {
            let _ = remove_tree(self.at, &self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::names_at;
    use crate::make::{Permissions, create};
    use crate::temporary::is_temporary;
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_directory_is_whole_or_absent() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        let make = |name| {
            let made = Unfinished::make(dir.as_fd(), name).unwrap();
            create(&dir, &[made.path(), b"/f"].concat(), b"x", Permissions::Exact(0o644)).unwrap();
            made
        };
        let made = make(b"d");
        let there = names_at(&dir, b".").unwrap();
        assert!(there.len() == 1 && is_temporary(&there[0]), "{there:?}");
        drop(made);
        assert!(names_at(&dir, b".").unwrap().is_empty());
        make(b"d/").finish(0o3750).unwrap();
        assert_eq!(std::fs::metadata(tmp.path().join("d")).unwrap().mode() & 0o7777, 0o3750);
        assert_eq!(make(b"d").finish(0o755), Err(Errno::EXIST));
        assert_eq!(names_at(&dir, b".").unwrap(), [b"d"]);
        assert_eq!(names_at(&dir, b"d").unwrap(), [b"f"]);
    }

    #[test]
    fn the_old_one_gives_way_when_the_new_one_is_finished() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::create_dir(tmp.path().join("d")).unwrap();
        std::fs::write(tmp.path().join("d/old"), "").unwrap();
        for is_old in [true, false] {
            let made = Unfinished::make(dir.as_fd(), b"d").unwrap();
            create(&dir, &[made.path(), b"/f"].concat(), b"x", Permissions::Exact(0o644)).unwrap();
            let old = made.finish_over(0o755).unwrap();
            assert_eq!(old.is_some(), is_old);
            if let Some(old) = old {
                assert!(is_temporary(&old));
                assert_eq!(names_at(&dir, &old).unwrap(), [b"old"]);
                remove_tree(&dir, &old).unwrap();
            }
            assert_eq!(names_at(&dir, b".").unwrap(), [b"d"]);
            assert_eq!(names_at(&dir, b"d").unwrap(), [b"f"]);
            remove_tree(&dir, b"d").unwrap();
        }
    }
}
