//! Directories and small files, read with few system calls.
//!
//! A [`Folder`] is an open directory and the list of what is in it: one pass of getdents tells which of the many
//! optional files of a service definition exist, so that nothing is probed for in vain.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use tool::{Fatal, OrUnable, diag::show};

/// The most that is read of a file that people write by hand, in bytes.
pub(crate) const TEXT_LIMIT: usize = 1 << 20;

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; [`Folder::kind`] follows it.
    Link,
    /// A link to nowhere, a FIFO, a socket or a device.
    Other,
}

/// An entry of a directory.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: Kind,
}

fn kind_of(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

/// Opens a directory.
pub(crate) fn open_directory(at: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    sys::fs::openat(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// All entries of an open directory but `.` and `..`, in the file system's order.
pub(crate) fn entries(fd: BorrowedFd<'_>) -> Result<Vec<Entry>, Errno> {
    let mut space = [MaybeUninit::<u8>::uninit(); 8192];
    let mut found = Vec::new();
    let mut dir = RawDir::new(fd, &mut space);
    while let Some(entry) = dir.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let st = sys::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
                kind_of(FileType::from_raw_mode(st.st_mode))
            }
            known => kind_of(known),
        };
        found.push(Entry { name: name.to_vec(), kind });
    }
    Ok(found)
}

/// What `name` is, links followed; [`Kind::Other`] if it leads nowhere.
pub(crate) fn follow(at: BorrowedFd<'_>, name: &[u8]) -> Kind {
    match sys::fs::statat(at, name, AtFlags::empty()) {
        Ok(st) => kind_of(FileType::from_raw_mode(st.st_mode)),
        Err(_) => Kind::Other,
    }
}

/// Reads a file, at most `limit` bytes of it.
pub(crate) fn read(at: BorrowedFd<'_>, name: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
    // NONBLOCK: a FIFO in the place of a file must not hang the reader.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = sys::fs::openat(at, name, flags, Mode::empty())?;
    read_all(&fd, limit)
}

/// Reads to the end of an open file, at most `limit` bytes.
pub(crate) fn read_all(fd: impl AsFd, limit: usize) -> Result<Vec<u8>, Errno> {
    let mut data = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        match rustix::io::read(&fd, &mut chunk) {
            Err(Errno::INTR) => {}
            done => {
                let n = done?;
                data.extend_from_slice(chunk.get(..n).unwrap_or_default());
                // A regular file gives less than was asked for only at its end.
                if n < chunk.len() || data.len() >= limit {
                    data.truncate(limit);
                    return Ok(data);
                }
            }
        }
    }
}

/// Creates a file that doesn't exist yet, with these contents and this mode (less the umask).
pub(crate) fn create(at: BorrowedFd<'_>, name: &[u8], data: &[u8], mode: u32) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = sys::fs::openat(at, name, flags, Mode::from_raw_mode(mode))?;
    write_all(&fd, data)
}

/// Runs `work` under the umask 022, so that what it makes can be read by everybody, whoever calls.
pub(crate) fn with_umask<T>(work: impl FnOnce() -> T) -> T {
    let old = rustix::process::umask(Mode::from_raw_mode(0o022));
    let result = work();
    rustix::process::umask(old);
    result
}

/// Writes everything.
pub(crate) fn write_all(fd: impl AsFd, mut data: &[u8]) -> Result<(), Errno> {
    while !data.is_empty() {
        match rustix::io::write(&fd, data) {
            Err(Errno::INTR) => {}
            done => data = data.get(done?..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// An open directory and what is in it.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) fd: OwnedFd,
    pub(crate) path: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
}

impl Folder {
    /// Opens and lists the directory `name` in `at`; `path` is how messages call it.
    pub(crate) fn open(at: BorrowedFd<'_>, name: &[u8], path: Vec<u8>) -> Result<Self, Fatal> {
        let fd = open_directory(at, name).or_unable_to("open", &path)?;
        let entries = entries(fd.as_fd()).or_unable_to("read", &path)?;
        Ok(Self { fd, path, entries })
    }

    /// What this entry is, links followed; `None` if there is no such entry.
    pub(crate) fn kind(&self, name: &[u8]) -> Option<Kind> {
        let entry = self.entries.iter().find(|e| e.name == name)?;
        Some(if entry.kind == Kind::Link { follow(self.fd.as_fd(), name) } else { entry.kind })
    }

    /// Whether there is such an entry, and it isn't a link to nowhere.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.entries.iter().any(|e| e.name == name && e.kind != Kind::Link)
            || self.kind(name).is_some_and(|k| k != Kind::Other)
    }

    /// The path of an entry for messages.
    pub(crate) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        tool::path::join(&self.path, name)
    }

    /// The text of a file of this directory; `None` if there is none.
    pub(crate) fn text(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
        if !self.has(name) {
            return Ok(None);
        }
        if self.kind(name) == Some(Kind::Other) {
            let text = format!("unable to read {}: it is no regular file", show(&self.path_of(name)));
            return Err(Fatal::new(1, text));
        }
        read(self.fd.as_fd(), name, TEXT_LIMIT)
            .or_unable(|| format!("read {}", show(&self.path_of(name))))
            .map(Some)
    }

    /// The subdirectory `name`; `None` if there is none.
    pub(crate) fn folder(&self, name: &[u8]) -> Result<Option<Self>, Fatal> {
        if !self.has(name) {
            return Ok(None);
        }
        Self::open(self.fd.as_fd(), name, self.path_of(name)).map(Some)
    }
}
