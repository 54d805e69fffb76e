//! The files of an image: directories one over another, of which nothing is read outside.
//!
//! A path is what a container would call the file: absolute, its links followed inside the image.  Nothing that a link says
//! leads out of the layers, and nothing but regular files is ever opened for reading.

#![expect(clippy::disallowed_methods, reason = "an ordinary program, for machines with a recent kernel")]

mod disk;
mod memory;
mod meta;

pub use disk::Disk;
use files::Kind;
use memory::LINKS_MAX;
pub use memory::{Memory, Node};
pub use meta::Meta;
use rustix::io::Errno;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Longer files are read each time.
const KEPT_MAX: usize = 1 << 14;
/// As much of files is kept in all, in bytes.
const ALL_KEPT_MAX: usize = 1 << 25;

/// One of the trees that make an image.
#[derive(Debug)]
enum Layer {
    Disk(Disk),
    Memory(Memory),
}

/// What a Dockerfile is called here: a path that no image has.
pub const DOCKERFILE: &[u8] = b"\0Dockerfile";
/// What the file of settings is called here.
pub const SETTINGS: &[u8] = b"\0check.toml";

/// A file that isn't the image's, but that findings are about.
#[derive(Debug)]
struct Beside {
    /// Where it is, if it is a file.
    path: Option<PathBuf>,
    text: Vec<u8>,
}

/// The number of the layer that has an entry, and what it is.
type Found = (usize, Kind);

/// The entries of a directory, of all layers.
type Listing = Rc<BTreeMap<Vec<u8>, Found>>;

/// What a path leads to: a path without links, and what is there.
#[derive(Debug, Clone)]
struct Place {
    path: Vec<u8>,
    layer: usize,
    kind: Kind,
}

/// What was found out: a whole image is looked at many times, and doesn't change meanwhile.
#[derive(Debug, Default)]
struct Known {
    /// By path without links.
    listings: HashMap<Vec<u8>, Listing>,
    /// What directories are without links, by any path; nothing for what is no directory.
    directories: HashMap<Vec<u8>, Option<Vec<u8>>>,
    metas: HashMap<Vec<u8>, Meta>,
    files: HashMap<Vec<u8>, Rc<[u8]>>,
    kept: usize,
    /// What couldn't be read, and why.
    unread: BTreeMap<Vec<u8>, Errno>,
}

/// The files of an image, the uppermost layer first.  What is changed while it exists may not be noticed.
#[derive(Debug, Default)]
pub struct Tree {
    layers: Vec<Layer>,
    /// Files beside the image, by the names that they have here.
    beside: BTreeMap<&'static [u8], Beside>,
    known: RefCell<Known>,
}

impl Tree {
    /// Puts a directory below the others.
    ///
    /// # Errors
    /// It isn't a directory, or can't be opened.
    pub fn add_directory(&mut self, path: &Path) -> Result<(), Errno> {
        self.add_disk(Disk::open(path)?);
        Ok(())
    }

    /// Puts a directory that was opened below the others.
    pub fn add_disk(&mut self, disk: Disk) {
        self.add(Layer::Disk(disk));
    }

    /// Puts files in memory below the others.
    pub fn add_memory(&mut self, files: Memory) {
        self.add(Layer::Memory(files));
    }

    fn add(&mut self, layer: Layer) {
        self.layers.push(layer);
        self.known = RefCell::default();
    }

    /// Adds a file that isn't the image's, [`DOCKERFILE`] or [`SETTINGS`]; without a path it can't be changed.
    pub fn add_beside(&mut self, name: &'static [u8], path: Option<PathBuf>, text: Vec<u8>) {
        self.beside.insert(name, Beside { path, text });
    }

    /// What couldn't be read, by path.
    pub fn unread(&self) -> BTreeMap<Vec<u8>, Errno> {
        self.known.borrow().unread.clone()
    }

    fn add_unread(&self, path: &[u8], e: Errno) {
        self.known.borrow_mut().unread.insert(absolute(path), e);
    }

    /// What is in a directory, whose path has no links in it.
    fn listing(&self, path: &[u8]) -> Listing {
        if let Some(known) = self.known.borrow().listings.get(path) {
            return Rc::clone(known);
        }
        let mut all = BTreeMap::new();
        for (at, layer) in self.layers.iter().enumerate() {
            let list = layer.list(path, &mut |name, kind| {
                all.entry(name.to_vec()).or_insert((at, kind));
            });
            match list {
                Ok(()) | Err(Errno::NOENT) => {}
                // Something else is here, and hides the directories below.
                Err(Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => break,
                Err(e) => self.add_unread(path, e),
            }
        }
        let listing = Rc::new(all);
        self.known.borrow_mut().listings.insert(path.to_vec(), Rc::clone(&listing));
        listing
    }

    /// The entry of this path, which has no links in it but perhaps its end.
    fn find(&self, path: &[u8]) -> Option<Found> {
        match path.iter().rposition(|byte| *byte == b'/') {
            _ if path.is_empty() => (!self.layers.is_empty()).then_some((0, Kind::Directory)),
            None => self.listing(b"").get(path).copied(),
            Some(slash) => {
                let (above, name) = path.split_at(slash);
                self.listing(above).get(name.strip_prefix(b"/")?).copied()
            }
        }
    }

    /// What a path leads to.
    fn walk(&self, path: &[u8], follow_last: bool) -> Option<Place> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (above, name) = path.split_at(slash.map_or(0, |slash| slash + 1));
        if matches!(name, b"" | b"." | b"..") {
            return self.walk_all(path, follow_last);
        }
        let directory = self.directory(above)?;
        let found = *self.listing(&directory).get(name)?;
        match found.1 {
            Kind::Link if follow_last => self.walk_all(path, true),
            kind => Some(Place { path: inside(&directory, name), layer: found.0, kind }),
        }
    }

    /// A directory's path without links.
    fn directory(&self, path: &[u8]) -> Option<Vec<u8>> {
        if let Some(known) = self.known.borrow().directories.get(path) {
            return known.clone();
        }
        let place = self.walk_all(path, true).filter(|place| place.kind == Kind::Directory);
        let found = place.map(|place| place.path);
        self.known.borrow_mut().directories.insert(path.to_vec(), found.clone());
        found
    }

    /// What a path leads to, found by going from the root.
    fn walk_all(&self, path: &[u8], follow_last: bool) -> Option<Place> {
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
            let next = inside(&here, &name);
            found = self.find(&next)?;
            let is_last = rest.iter().all(|name| name.is_empty() || name == b".");
            if found.1 == Kind::Link && (follow_last || !is_last) {
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
        Some(Place { path: here, layer: found.0, kind: found.1 })
    }

    fn meta(&self, place: Place) -> Option<Meta> {
        if let Some(known) = self.known.borrow().metas.get(&place.path) {
            return Some(*known);
        }
        match self.layers.get(place.layer)?.meta(&place.path) {
            Ok(meta) => {
                self.known.borrow_mut().metas.insert(place.path, meta);
                Some(meta)
            }
            Err(e) => {
                self.add_unread(&place.path, e);
                None
            }
        }
    }

    /// What is at a path, its last link followed.
    #[must_use]
    pub fn stat(&self, path: &[u8]) -> Option<Meta> {
        self.meta(self.walk(path, true)?)
    }

    /// What is at a path, a link at its end not followed.
    #[must_use]
    pub fn lstat(&self, path: &[u8]) -> Option<Meta> {
        self.meta(self.walk(path, false)?)
    }

    /// What kind of file is at a path, links followed.
    #[must_use]
    pub fn kind(&self, path: &[u8]) -> Option<Kind> {
        self.walk(path, true).map(|place| place.kind)
    }

    /// Whether there is a regular file at a path, links followed.
    #[must_use]
    pub fn is_file(&self, path: &[u8]) -> bool {
        self.kind(path) == Some(Kind::File)
    }

    /// Whether there is a directory at a path, links followed.
    #[must_use]
    pub fn is_directory(&self, path: &[u8]) -> bool {
        self.kind(path) == Some(Kind::Directory)
    }

    /// Whether an entry is of the uppermost layer, which is what is being checked.
    #[must_use]
    pub fn is_uppermost(&self, path: &[u8]) -> bool {
        if is_beside(path) {
            return true;
        }
        self.walk(path, false).is_some_and(|place| place.layer == 0)
    }

    /// The first bytes of a regular file, `limit` at most; of big files in archives, there are only a few.
    #[must_use]
    pub fn read(&self, path: &[u8], limit: usize) -> Option<Vec<u8>> {
        if is_beside(path) {
            return self.beside.get(path).map(|file| file.text.iter().copied().take(limit).collect());
        }
        let place = self.walk(path, true).filter(|place| place.kind == Kind::File)?;
        if let Some(known) = self.known.borrow().files.get(&place.path) {
            return Some(known.get(..limit).unwrap_or(known).to_vec());
        }
        match self.layers.get(place.layer)?.read(&place.path, limit.max(KEPT_MAX)) {
            Ok(mut bytes) => {
                let mut known = self.known.borrow_mut();
                if bytes.len() < KEPT_MAX && known.kept < ALL_KEPT_MAX {
                    known.kept += bytes.len();
                    known.files.insert(place.path, bytes.as_slice().into());
                }
                bytes.truncate(limit);
                Some(bytes)
            }
            Err(e) => {
                self.add_unread(&place.path, e);
                None
            }
        }
    }

    /// The names in a directory with what they are, links not followed, sorted; none if there is no such directory.
    #[must_use]
    pub fn entries(&self, path: &[u8]) -> Vec<(Vec<u8>, Kind)> {
        let Some(directory) = self.directory(path) else { return Vec::new() };
        self.listing(&directory).iter().map(|(name, (_, kind))| (name.clone(), *kind)).collect()
    }

    /// The names in a directory, sorted; none if there is no such directory.
    #[must_use]
    pub fn names(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let Some(directory) = self.directory(path) else { return Vec::new() };
        self.listing(&directory).keys().cloned().collect()
    }

    /// How a path is called in messages: below the directory that is checked, or as the container has it.
    #[must_use]
    pub fn shown(&self, path: &[u8]) -> Vec<u8> {
        if let Some(name) = path.strip_prefix(b"\0") {
            let place = self.beside.get(path).and_then(|file| file.path.as_ref());
            return place.map_or(name, |place| place.as_os_str().as_bytes()).to_vec();
        }
        match self.layers.first() {
            Some(Layer::Disk(disk)) if disk.path() != Path::new("/") => {
                let below = disk.path().as_os_str().as_bytes();
                let below = below.strip_suffix(b"/").unwrap_or(below);
                let inside = path.strip_prefix(b"/").unwrap_or(path);
                if below == b"." { inside.to_vec() } else { [below, b"/", inside].concat() }
            }
            _ => path.to_vec(),
        }
    }

    /// Where a file of the uppermost layer, or one beside the image, is on this machine; `None` for others.
    #[must_use]
    pub fn on_disk(&self, path: &[u8]) -> Option<PathBuf> {
        if is_beside(path) {
            return self.beside.get(path)?.path.clone();
        }
        let place = self.walk(path, false)?;
        match self.layers.get(place.layer)? {
            Layer::Disk(disk) if place.layer == 0 => {
                Some(disk.path().join(Path::new(std::ffi::OsStr::from_bytes(&place.path))))
            }
            _ => None,
        }
    }
}

/// Whether a path is that of a file beside the image.
fn is_beside(path: &[u8]) -> bool {
    path.starts_with(b"\0")
}

fn absolute(path: &[u8]) -> Vec<u8> {
    [b"/", path].concat()
}

/// The path of a name in a directory, whose own path is empty for the root.
fn inside(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

impl Layer {
    fn list(&self, path: &[u8], each: &mut dyn FnMut(&[u8], Kind)) -> Result<(), Errno> {
        match self {
            Self::Disk(disk) => disk.list(path, each),
            Self::Memory(memory) => memory.list(path, each),
        }
    }

    fn meta(&self, path: &[u8]) -> Result<Meta, Errno> {
        match self {
            Self::Disk(disk) => disk.meta(path),
            Self::Memory(memory) => memory.meta(path),
        }
    }

    fn link(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Disk(disk) => disk.link(path),
            Self::Memory(memory) => memory.link(path),
        }
    }

    fn read(&self, path: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
        match self {
            Self::Disk(disk) => disk.read(path, limit),
            Self::Memory(memory) => memory.read(path, limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode};

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
        let mut below = Memory::default();
        let meta = Meta { kind: Kind::File, mode: 0o755, uid: 0, gid: 0, size: 5 };
        let file = Node::File(b"below".into());
        below.put(0, b"etc/a", meta, file.clone()).unwrap();
        below.put(0, b"etc/b", meta, file).unwrap();
        let link = Meta { kind: Kind::Link, ..meta };
        below.put(0, b"usr/c", link, Node::Link(b"../etc/b".to_vec())).unwrap();
        tree.add_memory(below);
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
