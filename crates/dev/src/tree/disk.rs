//! A directory on this machine: its entries are read without following any link, and only regular files are opened.

use super::meta::Meta;
use files::Kind;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::cell::RefCell;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tool::path::split;

/// So many directories are kept open: what is looked at next is mostly near.
const OPEN_MAX: usize = 4;

/// A directory of this machine.
#[derive(Debug)]
pub struct Disk {
    top: Rc<OwnedFd>,
    path: PathBuf,
    /// The directories that were used last, with their paths.
    open: RefCell<Vec<(Vec<u8>, Rc<OwnedFd>)>>,
}

impl Disk {
    /// Opens it.
    ///
    /// # Errors
    /// It isn't a directory, or can't be opened.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = Rc::new(rustix::fs::openat(CWD, path, flags, Mode::empty())?);
        Ok(Self { top, path: path.to_owned(), open: RefCell::default() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A directory in it, which no link is on the way to.
    fn directory(&self, path: &[u8]) -> Result<Rc<OwnedFd>, Errno> {
        let open = self.open.borrow().iter().find(|(known, _)| known == path).map(|(_, fd)| Rc::clone(fd));
        open.map_or_else(|| self.open_directory(path), Ok)
    }

    /// Opens a directory, to list it from its beginning.
    fn open_directory(&self, path: &[u8]) -> Result<Rc<OwnedFd>, Errno> {
        let name = if path.is_empty() { b"." } else { path };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = Rc::new(rustix::fs::openat2(self.top.as_fd(), name, flags, Mode::empty(), resolve)?);
        let mut open = self.open.borrow_mut();
        open.retain(|(known, _)| known != path);
        if open.len() == OPEN_MAX {
            open.remove(0);
        }
        open.push((path.to_vec(), Rc::clone(&fd)));
        Ok(fd)
    }

    /// The directory that an entry is in, and the entry's name.
    fn place<'p>(&self, path: &'p [u8]) -> Result<(Rc<OwnedFd>, &'p [u8]), Errno> {
        match split(path) {
            _ if path.is_empty() => Ok((Rc::clone(&self.top), b".")),
            (b".", name) => Ok((Rc::clone(&self.top), name)),
            (above, name) => Ok((self.directory(above)?, name)),
        }
    }

    pub(super) fn list(&self, path: &[u8], each: &mut dyn FnMut(&[u8], Kind)) -> Result<(), Errno> {
        let directory = self.open_directory(path)?;
        files::for_each_kind(directory.as_fd(), &mut |name, kind| {
            each(name, kind);
            Ok(())
        })
    }

    pub(super) fn meta(&self, path: &[u8]) -> Result<Meta, Errno> {
        let (directory, name) = self.place(path)?;
        let st = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(st.st_mode).into();
        let size = u64::try_from(st.st_size).unwrap_or(0);
        Ok(Meta { kind, mode: st.st_mode & 0o7777, uid: st.st_uid, gid: st.st_gid, size })
    }

    pub(super) fn link(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (directory, name) = self.place(path).ok()?;
        Some(rustix::fs::readlinkat(directory, name, Vec::new()).ok()?.into_bytes())
    }

    /// Reads the beginning of a regular file; if it has become a FIFO meanwhile, nothing hangs.
    pub(super) fn read(&self, path: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
        let (directory, name) = self.place(path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        files::read_regular(rustix::fs::openat(directory, name, flags, Mode::empty())?, limit)
    }

    /// Opens a regular file, no link followed.
    ///
    /// # Errors
    /// There is none, or it can't be opened.
    pub fn open_regular(&self, path: &[u8]) -> Result<File, Errno> {
        if self.meta(path)?.kind != Kind::File {
            return Err(Errno::NOENT);
        }
        let (directory, name) = self.place(path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(directory, name, flags, Mode::empty()).map(File::from)
    }

    /// The beginning of a regular file, no link followed; `None` if there is none.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read_if_regular(&self, path: &[u8], limit: usize) -> Result<Option<Vec<u8>>, Errno> {
        match self.open_regular(path) {
            Ok(file) => files::read_regular(file, limit).map(Some),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => Ok(None),
            Err(e) => Err(e),
        }
    }
}
