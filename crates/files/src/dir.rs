//! Directories: opening and listing them.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom};
use rustix::io::Errno;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; [`follow`] says to what.
    Link,
    /// A FIFO, a socket or a device; of [`follow`] also a link to nowhere.
    Other,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: Vec<u8>,
    /// What it is; links are not followed.
    pub kind: Kind,
}

impl From<FileType> for Kind {
    fn from(file_type: FileType) -> Self {
        match file_type {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

/// Repeats a system call until no signal interrupts it.
pub(crate) fn retry<T>(call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    rustix::io::retry_on_intr(call)
}

/// Opens a directory; links are followed.
///
/// # Errors
/// As open(2).
pub fn open_dir(at: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open(at.as_fd(), name, OFlags::empty())
}

/// Opens a directory that may not be a link to one: where other users can make links, and before it is emptied.
///
/// # Errors
/// As open(2); `NOTDIR` or `LOOP` for a link.
pub fn open_dir_itself(at: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open(at.as_fd(), name, OFlags::NOFOLLOW)
}

/// Opens a directory that belongs to this user, and in which nobody else may write; makes it before that, with this mode, if it
/// isn't there.
///
/// # Errors
/// As mkdir(2) and [`open_dir_itself`]; `PERM` if it is another's, or others may write in it.
pub fn own_dir(at: impl AsFd, name: &[u8], mode: Mode) -> Result<OwnedFd, Errno> {
    match sys::fs::mkdirat(&at, name, mode) {
        Ok(()) | Err(Errno::EXIST) => {}
        failed => failed?,
    }
    let dir = open_dir_itself(at, name)?;
    let st = sys::fs::fstat(&dir)?;
    let is_own = st.st_uid == rustix::process::geteuid().as_raw() && st.st_mode & 0o022 == 0;
    if is_own { Ok(dir) } else { Err(Errno::PERM) }
}

fn open(at: BorrowedFd<'_>, name: &[u8], extra: OFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | extra;
    retry(|| sys::fs::openat(at, name, flags, Mode::empty()))
}

/// Calls `each` with the name and the type of every entry but `.` and `..`, in the file system's order.
///
/// A descriptor that was listed before goes on where it was: open a directory for each listing.  The type can be
/// `Unknown`.
///
/// # Errors
/// The directory can't be read, or the first error of `each`.
pub fn for_each_entry(
    dir: impl AsFd,
    each: &mut dyn FnMut(&CStr, FileType) -> Result<(), Errno>,
) -> Result<(), Errno> {
    each_entry(dir.as_fd(), each)
}

fn each_entry(
    dir: BorrowedFd<'_>,
    each: &mut dyn FnMut(&CStr, FileType) -> Result<(), Errno>,
) -> Result<(), Errno> {
    // Some sixty entries.  A supervisor process reads short lists, and should need no further pages for that.
    let mut space = [MaybeUninit::<u8>::uninit(); 2048];
    let mut list = RawDir::new(dir, &mut space);
    while let Some(entry) = list.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            each(entry.file_name(), entry.file_type())?;
        }
    }
    Ok(())
}

/// All entries but `.` and `..`, in the file system's order, from the start of the list.
///
/// # Errors
/// The directory can't be read.
pub fn entries(dir: impl AsFd) -> Result<Vec<Entry>, Errno> {
    list(dir.as_fd())
}

fn list(dir: BorrowedFd<'_>) -> Result<Vec<Entry>, Errno> {
    rustix::fs::seek(dir, SeekFrom::Start(0))?;
    let mut found = Vec::new();
    for_each_kind(dir, &mut |name, kind| {
        found.push(Entry { name: name.to_vec(), kind });
        Ok(())
    })?;
    Ok(found)
}

/// What is called for each entry of a directory, with its name and what it is.
pub type Each<'a> = &'a mut dyn FnMut(&[u8], Kind) -> Result<(), Errno>;

/// Calls `each` with the name and the kind of every entry but `.` and `..` of a directory that was opened for that, in
/// the file system's order; links are not followed.
///
/// # Errors
/// The directory can't be read, or the error of `each`, which ends it.
pub fn for_each_kind(dir: BorrowedFd<'_>, each: Each<'_>) -> Result<(), Errno> {
    each_entry(dir, &mut |name, file_type| {
        let kind = match file_type {
            FileType::Unknown => match sys::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                // It went away meanwhile.
                Err(Errno::NOENT) => return Ok(()),
                st => FileType::from_raw_mode(st?.st_mode),
            },
            known => known,
        };
        each(name.to_bytes(), kind.into())
    })
}

/// All names but `.` and `..`, sorted by bytes, from the start of the list.
///
/// # Errors
/// The directory can't be read.
pub fn names(dir: impl AsFd) -> Result<Vec<Vec<u8>>, Errno> {
    fn of(dir: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, Errno> {
        rustix::fs::seek(dir, SeekFrom::Start(0))?;
        let mut found = Vec::new();
        each_entry(dir, &mut |name, _| {
            found.push(name.to_bytes().to_vec());
            Ok(())
        })?;
        found.sort_unstable();
        Ok(found)
    }
    of(dir.as_fd())
}

/// The [`names`] in the directory `name` in `at`; links are followed.
///
/// # Errors
/// The directory can't be opened or read.
pub fn names_at(at: impl AsFd, name: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
    names(&open_dir(at, name)?)
}

/// What `name` is, links followed; [`Kind::Other`] if it leads nowhere.
#[must_use]
pub fn follow(at: impl AsFd, name: &[u8]) -> Kind {
    match sys::fs::statat(at, name, AtFlags::empty()) {
        Ok(st) => FileType::from_raw_mode(st.st_mode).into(),
        Err(_) => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_list_has_every_name_once_and_what_it_is() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path();
        std::fs::write(path.join("file"), "").unwrap();
        std::fs::create_dir(path.join("dir")).unwrap();
        symlink("dir", path.join("link")).unwrap();
        symlink("nowhere", path.join("dangling")).unwrap();
        sys::fs::mknodat(CWD, path.join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let dir = open_dir(CWD, path.as_os_str().as_bytes()).unwrap();
        let mut found = entries(&dir).unwrap();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let found: Vec<_> =
            found.into_iter().map(|e| (String::from_utf8(e.name).unwrap(), e.kind, e.kind)).collect();
        let expected = [
            ("dangling", Kind::Link, Kind::Other),
            ("dir", Kind::Directory, Kind::Directory),
            ("fifo", Kind::Other, Kind::Other),
            ("file", Kind::File, Kind::File),
            ("link", Kind::Link, Kind::Directory),
        ];
        assert_eq!(found.len(), expected.len());
        for ((name, kind, _), (wanted, own, led_to)) in found.iter().zip(expected) {
            assert_eq!((name.as_str(), *kind), (wanted, own));
            assert_eq!(follow(&dir, name.as_bytes()), led_to, "{name}");
        }
    }

    #[test]
    fn long_lists_are_complete_and_sorted() {
        let tmp = tempfile::tempdir().unwrap();
        let mut expected: Vec<Vec<u8>> = (0..700).map(|n| format!("{n}-{:x<40}", "").into_bytes()).collect();
        for name in &expected {
            std::fs::write(tmp.path().join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
        }
        expected.sort();
        let dir = open_dir(CWD, tmp.path().as_os_str().as_bytes()).unwrap();
        assert_eq!(names_at(&dir, b".").unwrap(), expected);
        for _ in 0..2 {
            assert_eq!(names(&dir).unwrap(), expected);
            assert_eq!(entries(&dir).unwrap().len(), expected.len());
        }
    }

    #[test]
    fn what_is_no_directory_is_an_error() {
        let tmp = tempfile::tempdir().unwrap();
        let top = open_dir(CWD, tmp.path().as_os_str().as_bytes()).unwrap();
        std::fs::write(tmp.path().join("file"), "").unwrap();
        symlink(".", tmp.path().join("link")).unwrap();
        assert_eq!(names_at(&top, b"file"), Err(Errno::NOTDIR));
        assert_eq!(names_at(&top, b"none"), Err(Errno::NOENT));
        assert!(open_dir(&top, b"link").is_ok());
        assert!(matches!(open_dir_itself(&top, b"link"), Err(Errno::NOTDIR | Errno::LOOP)));
    }
}
