//! The files of an image: directories one over another, of which nothing is read outside.
//!
//! A path is what a container would call the file: absolute, its links followed inside the image.  Nothing that a link says
//! leads out of the layers, and nothing but regular files is ever opened for reading.

#![expect(clippy::disallowed_methods, reason = "an ordinary program, for machines with a recent kernel")]

use files::Kind;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A longer chain of links leads nowhere, as in the kernel.
const LINKS_MAX: usize = 40;

/// What is known of an entry without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub kind: Kind,
    /// Its permissions, twelve bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its size in bytes.
    pub size: u64,
}

/// An entry of a layer in memory.
#[derive(Debug, Clone)]
pub enum Node {
    /// A directory.
    Directory,
    /// A regular file with its permissions and contents.
    File(u32, Cow<'static, [u8]>),
    /// A symbolic link to this.
    Link(Vec<u8>),
}

/// One of the directories that make an image.
#[derive(Debug)]
enum Layer {
    Disk { fd: OwnedFd, path: PathBuf },
    Memory(BTreeMap<Vec<u8>, Node>),
}

/// The number of the layer that has an entry, and what it is.
type Found = Option<(usize, Meta)>;

/// The files of an image, the uppermost layer first.  What is changed while it exists may not be noticed.
#[derive(Debug, Default)]
pub struct Tree {
    layers: Vec<Layer>,
    /// What was found at the paths that were looked at: a file's own look-up goes by all directories above it.
    found: RefCell<HashMap<Vec<u8>, Found>>,
    /// What couldn't be read, and why.
    unread: RefCell<BTreeMap<Vec<u8>, Errno>>,
}

impl Tree {
    /// Puts a directory below the others.
    ///
    /// # Errors
    /// It isn't a directory, or can't be opened.
    pub fn add_directory(&mut self, path: &Path) -> Result<(), Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        self.layers.push(Layer::Disk { fd, path: path.to_owned() });
        self.found.borrow_mut().clear();
        Ok(())
    }

    /// Puts entries in memory below the others; the directories above them are there, too.
    pub fn add_memory(&mut self, entries: impl IntoIterator<Item = (Vec<u8>, Node)>) {
        let mut all = BTreeMap::new();
        for (path, node) in entries {
            let mut above = path.as_slice();
            while let Some(slash) = above.iter().rposition(|byte| *byte == b'/') {
                above = above.get(..slash).unwrap_or_default();
                all.entry(above.to_vec()).or_insert(Node::Directory);
            }
            all.insert(path, node);
        }
        all.insert(Vec::new(), Node::Directory);
        self.layers.push(Layer::Memory(all));
        self.found.borrow_mut().clear();
    }

    /// What couldn't be read, by path.
    pub fn unread(&self) -> BTreeMap<Vec<u8>, Errno> {
        self.unread.borrow().clone()
    }

    /// The entry of this path, which has no links in it but perhaps its end, and the number of its layer.
    fn find(&self, path: &[u8]) -> Found {
        if let Some(found) = self.found.borrow().get(path) {
            return *found;
        }
        let found = self.look(path);
        self.found.borrow_mut().insert(path.to_vec(), found);
        found
    }

    fn look(&self, path: &[u8]) -> Found {
        self.layers.iter().enumerate().find_map(|(at, layer)| match layer.meta(path) {
            Ok(meta) => Some((at, meta)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => None,
            Err(e) => {
                self.unread.borrow_mut().insert(absolute(path), e);
                None
            }
        })
    }

    /// The path without links that `path` leads to, and what is there.
    fn walk(&self, path: &[u8], follow_last: bool) -> Option<(Vec<u8>, usize, Meta)> {
        let mut rest: Vec<Vec<u8>> = path.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec).collect();
        let (mut here, mut links) = (Vec::new(), 0);
        let mut found = self.find(b"")?;
        while let Some(name) = rest.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    here.truncate(here.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
                    found = self.find(&here)?;
                    continue;
                }
                _ => {}
            }
            let mut next = here.clone();
            if !next.is_empty() {
                next.push(b'/');
            }
            next.extend(&name);
            found = self.find(&next)?;
            let is_last = rest.iter().all(|name| name.is_empty() || name == b".");
            if found.1.kind == Kind::Link && (follow_last || !is_last) {
                links += 1;
                if links > LINKS_MAX {
                    return None;
                }
                let target = self.layers.get(found.0)?.link(&next)?;
                if target.starts_with(b"/") {
                    here.clear();
                }
                rest.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
                found = self.find(&here)?;
            } else {
                here = next;
            }
        }
        Some((here, found.0, found.1))
    }

    /// What is at a path, its last link followed.
    #[must_use]
    pub fn stat(&self, path: &[u8]) -> Option<Meta> {
        self.walk(path, true).map(|(.., meta)| meta)
    }

    /// What is at a path, a link at its end not followed.
    #[must_use]
    pub fn lstat(&self, path: &[u8]) -> Option<Meta> {
        self.walk(path, false).map(|(.., meta)| meta)
    }

    /// Whether there is a regular file at a path, links followed.
    #[must_use]
    pub fn is_file(&self, path: &[u8]) -> bool {
        self.stat(path).is_some_and(|meta| meta.kind == Kind::File)
    }

    /// Whether there is a directory at a path, links followed.
    #[must_use]
    pub fn is_directory(&self, path: &[u8]) -> bool {
        self.stat(path).is_some_and(|meta| meta.kind == Kind::Directory)
    }

    /// Whether an entry is of the uppermost layer, which is what is being checked.
    #[must_use]
    pub fn is_uppermost(&self, path: &[u8]) -> bool {
        self.walk(path, false).is_some_and(|(_, layer, _)| layer == 0)
    }

    /// The first bytes of a regular file, `limit` at most.
    #[must_use]
    pub fn read(&self, path: &[u8], limit: usize) -> Option<Vec<u8>> {
        let (real, layer, meta) = self.walk(path, true)?;
        if meta.kind != Kind::File {
            return None;
        }
        match self.layers.get(layer)?.read(&real, limit) {
            Ok(bytes) => Some(bytes),
            Err(e) => {
                self.unread.borrow_mut().insert(absolute(&real), e);
                None
            }
        }
    }

    /// The names in a directory, sorted; none if there is no such directory.
    #[must_use]
    pub fn names(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let Some((real, ..)) = self.walk(path, true).filter(|(.., meta)| meta.kind == Kind::Directory) else {
            return Vec::new();
        };
        let mut all = BTreeSet::new();
        for layer in &self.layers {
            match layer.names(&real) {
                Ok(names) => all.extend(names),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => {}
                Err(e) => {
                    self.unread.borrow_mut().insert(absolute(&real), e);
                }
            }
        }
        all.into_iter().collect()
    }

    /// How a path is called in messages: below the directory that is checked, or as the container has it.
    #[must_use]
    pub fn shown(&self, path: &[u8]) -> Vec<u8> {
        match self.layers.first() {
            Some(Layer::Disk { path: top, .. }) if top != Path::new("/") => {
                let below = top.as_os_str().as_bytes();
                let below = below.strip_suffix(b"/").unwrap_or(below);
                let inside = path.strip_prefix(b"/").unwrap_or(path);
                if below == b"." { inside.to_vec() } else { [below, b"/", inside].concat() }
            }
            _ => path.to_vec(),
        }
    }

    /// Where a file of the uppermost layer is on this machine; `None` for others.
    #[must_use]
    pub fn on_disk(&self, path: &[u8]) -> Option<PathBuf> {
        let (real, layer, _) = self.walk(path, false)?;
        match self.layers.get(layer)? {
            Layer::Disk { path: top, .. } if layer == 0 => {
                Some(top.join(Path::new(std::ffi::OsStr::from_bytes(&real))))
            }
            _ => None,
        }
    }
}

fn absolute(path: &[u8]) -> Vec<u8> {
    [b"/", path].concat()
}

impl Layer {
    /// Opens an entry without following any link.
    fn open(fd: &OwnedFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { b"." } else { path };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat2(fd, path, flags, Mode::empty(), resolve)
    }

    fn meta(&self, path: &[u8]) -> Result<Meta, Errno> {
        match self {
            Self::Disk { fd, .. } => {
                let st = rustix::fs::fstat(Self::open(fd, path, OFlags::PATH)?)?;
                let kind = FileType::from_raw_mode(st.st_mode).into();
                let size = u64::try_from(st.st_size).unwrap_or(0);
                Ok(Meta { kind, mode: st.st_mode & 0o7777, uid: st.st_uid, gid: st.st_gid, size })
            }
            Self::Memory(entries) => {
                let (kind, mode, size) = match entries.get(path).ok_or(Errno::NOENT)? {
                    Node::Directory => (Kind::Directory, 0o755, 0),
                    Node::File(mode, data) => (Kind::File, *mode, data.len()),
                    Node::Link(target) => (Kind::Link, 0o777, target.len()),
                };
                Ok(Meta { kind, mode, uid: 0, gid: 0, size: size as u64 })
            }
        }
    }

    fn link(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Disk { fd, .. } => {
                let link = Self::open(fd, path, OFlags::PATH).ok()?;
                Some(rustix::fs::readlinkat(link, "", Vec::new()).ok()?.into_bytes())
            }
            Self::Memory(entries) => match entries.get(path)? {
                Node::Link(target) => Some(target.clone()),
                _ => None,
            },
        }
    }

    fn read(&self, path: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
        match self {
            Self::Disk { fd, .. } => {
                files::read_at_most(Self::open(fd, path, OFlags::RDONLY | OFlags::NONBLOCK)?, limit)
            }
            Self::Memory(entries) => match entries.get(path) {
                Some(Node::File(_, data)) => Ok(data.iter().copied().take(limit).collect()),
                _ => Err(Errno::NOENT),
            },
        }
    }

    fn names(&self, path: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
        match self {
            Self::Disk { fd, .. } => files::names(Self::open(fd, path, OFlags::RDONLY | OFlags::DIRECTORY)?),
            Self::Memory(entries) => {
                let mut prefix = path.to_vec();
                if !prefix.is_empty() {
                    prefix.push(b'/');
                }
                let inside = entries.keys().filter_map(|key| key.strip_prefix(prefix.as_slice()));
                Ok(inside
                    .filter(|name| !name.is_empty() && !name.contains(&b'/'))
                    .map(<[u8]>::to_vec)
                    .collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(top: &Path) -> Tree {
        let mut tree = Tree::default();
        tree.add_directory(top).unwrap();
        tree
    }

    #[test]
    fn links_stay_inside_and_end_somewhere() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("root");
        std::fs::create_dir_all(top.join("etc")).unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        std::fs::write(top.join("etc/file"), "text").unwrap();
        for (target, name) in [
            ("/etc/file", "absolute"),
            ("../../../../etc/file", "up"),
            ("../secret", "out"),
            ("b", "a"),
            ("a", "b"),
            ("/etc", "dir"),
            ("dir", "dir2"),
        ] {
            std::os::unix::fs::symlink(target, top.join(name)).unwrap();
        }
        let tree = tree(&top);
        for path in ["/absolute", "/up", "/dir2/file", "//dir/./../etc/file"] {
            assert_eq!(tree.read(path.as_bytes(), 9).as_deref(), Some(&b"text"[..]), "{path}");
        }
        for path in ["/out", "/a", "/a/b", "/etc/file/more", "/nothing"] {
            assert_eq!(tree.stat(path.as_bytes()), None, "{path}");
        }
        assert_eq!(tree.lstat(b"/a").unwrap().kind, Kind::Link);
        assert_eq!(tree.read(b"/etc/file", 2).as_deref(), Some(&b"te"[..]));
        assert_eq!(tree.names(b"/dir2"), [b"file"]);
        assert!(tree.unread().is_empty());
    }

    #[test]
    fn what_is_above_hides_what_is_below() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/a"), "above").unwrap();
        let mut tree = tree(dir.path());
        let file = |text: &'static str| Node::File(0o755, Cow::Borrowed(text.as_bytes()));
        tree.add_memory([
            (b"etc/a".to_vec(), file("below")),
            (b"etc/b".to_vec(), file("below")),
            (b"usr/c".to_vec(), Node::Link(b"../etc/b".to_vec())),
        ]);
        assert_eq!(tree.read(b"/etc/a", 9).unwrap(), b"above");
        assert_eq!(tree.read(b"/usr/c", 9).unwrap(), b"below");
        assert_eq!(tree.names(b"/etc"), [b"a", b"b"]);
        assert_eq!([b"/etc/a", b"/etc/b"].map(|path| tree.is_uppermost(path)), [true, false]);
        assert_eq!(tree.stat(b"/etc/b").unwrap().mode, 0o755);
    }

    #[test]
    fn nothing_but_regular_files_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        assert_eq!(tree(dir.path()).read(b"/fifo", 9), None);
        assert_eq!(tree(dir.path()).stat(b"/fifo").unwrap().kind, Kind::Other);
    }
}
