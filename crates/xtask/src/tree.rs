//! A tree of files as a value: read from a directory, merged, written to a directory or to a tar archive.
//!
//! The archive depends on names, contents and modes only: in one order, one fixed time, owned by root.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The time of everything in an archive: the first second of 2020, UTC.
pub const TIME: u64 = 1_577_836_800;
/// The year of that time.
pub const YEAR: u16 = 2020;

/// Something in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory, mode 0755.
    Directory,
    /// A file.
    File {
        /// Its contents.
        content: Vec<u8>,
        /// Its mode.
        mode: u32,
    },
    /// A symbolic link to this.
    Link(PathBuf),
}

/// A key and a value of a pax header that goes before an entry.
type Header<'a> = &'a dyn Fn(&Node) -> Option<(&'static str, String)>;

/// What an archive says besides files and links.
#[derive(Clone, Copy)]
pub enum Directories<'a> {
    /// Directories below `usr` have no entries: they are the image's, where one may be a link to elsewhere, and some unpackers
    /// put a directory in the place of a link.
    NotOfImage,
    /// All have entries: a package manager keeps such a link.
    All,
    /// As before, and entries have such a header.
    AllAndHeaders(Header<'a>),
}

/// Paths relative to the root of the tree, each with its directories.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Node>);

impl Tree {
    /// Adds `node` at `path`, and the directories above it.
    pub fn add(&mut self, path: impl Into<PathBuf>, node: Node) {
        let path = path.into();
        for above in path.ancestors().skip(1).filter(|a| !a.as_os_str().is_empty()) {
            self.0.entry(above.to_path_buf()).or_insert(Node::Directory);
        }
        self.0.insert(path, node);
    }

    /// Adds a symbolic link to `target` at `path`.
    pub fn link(&mut self, path: impl Into<PathBuf>, target: impl Into<PathBuf>) {
        self.add(path, Node::Link(target.into()));
    }

    /// Adds everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(path, node)| (path.clone(), node.clone())));
    }

    /// Reads what is below `directory`.
    pub fn read(directory: &Path) -> Result<Self, Failure> {
        let mut tree = Self::default();
        tree.read_below(directory, Path::new(""))?;
        Ok(tree)
    }

    fn read_below(&mut self, top: &Path, below: &Path) -> Result<(), Failure> {
        let directory = top.join(below);
        let unable = Failure::unable("read", &directory);
        for entry in fs::read_dir(&directory).map_err(&unable)? {
            let entry = entry.map_err(&unable)?;
            let path = below.join(entry.file_name());
            let metadata = entry.metadata().map_err(&unable)?;
            if metadata.is_dir() {
                self.add(&path, Node::Directory);
                self.read_below(top, &path)?;
            } else if metadata.is_symlink() {
                self.link(&path, fs::read_link(entry.path()).map_err(&unable)?);
            } else {
                let content = fs::read(entry.path()).map_err(&unable)?;
                self.add(&path, Node::File { content, mode: metadata.permissions().mode() & 0o7777 });
            }
        }
        Ok(())
    }

    /// Writes the tree below `directory`, which must not exist.
    pub fn write(&self, directory: &Path) -> Result<(), Failure> {
        fs::create_dir(directory).map_err(Failure::unable("create", directory))?;
        for (path, node) in &self.0 {
            let path = directory.join(path);
            let done = match node {
                Node::Directory => fs::create_dir(&path),
                Node::File { content, .. } => fs::write(&path, content),
                Node::Link(target) => symlink(target, &path),
            };
            let done = done.and_then(|()| match node {
                Node::Link(_) => Ok(()),
                _ => fs::set_permissions(&path, fs::Permissions::from_mode(mode(node))),
            });
            done.map_err(Failure::unable("write", &path))?;
        }
        Ok(())
    }

    /// The entries as an archive has them: directories, links, files, and side by side what is alike, which packs better.
    fn in_order(&self) -> Vec<(&PathBuf, &Node)> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by_key(|(path, node)| {
            let kind = match node {
                Node::Directory => 0,
                Node::Link(_) => 1,
                Node::File { .. } => 2,
            };
            (kind, path.parent(), path.as_os_str().len())
        });
        entries
    }

    /// The tree as a tar archive to lay over an image.
    pub fn tar(&self) -> io::Result<Vec<u8>> {
        self.tar_with(Directories::NotOfImage)
    }

    /// The tree as a tar archive.
    pub fn tar_with(&self, directories: Directories<'_>) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        let is_of_image = |path: &Path, node: &Node| path.starts_with("usr") && *node == Node::Directory;
        let is_left_out =
            |path, node| matches!(directories, Directories::NotOfImage) && is_of_image(path, node);
        for (path, node) in self.in_order().into_iter().filter(|(path, node)| !is_left_out(path, node)) {
            if let Directories::AllAndHeaders(headers) = directories
                && let Some((key, value)) = headers(node)
            {
                archive.append_pax_extensions([(key, value.as_bytes())])?;
            }
            let mut header = tar::Header::new_gnu();
            header.set_mtime(TIME);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mode(mode(node));
            header.set_size(0);
            match node {
                Node::Directory => {
                    header.set_entry_type(tar::EntryType::Directory);
                    archive.append_data(&mut header, path.join(""), io::empty())?;
                }
                Node::File { content, .. } => {
                    header.set_entry_type(tar::EntryType::Regular);
                    header.set_size(content.len() as u64);
                    archive.append_data(&mut header, path, content.as_slice())?;
                }
                Node::Link(target) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    archive.append_link(&mut header, path, target)?;
                }
            }
        }
        archive.into_inner()
    }

    /// All paths.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The paths of its files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let is_file = |node: &Node| matches!(node, Node::File { .. });
        self.0.iter().filter(move |(_, node)| is_file(node)).map(|(path, _)| path.as_path())
    }

    /// The bytes that the files of the tree hold.
    pub fn size(&self) -> usize {
        let length = |node: &Node| if let Node::File { content, .. } = node { content.len() } else { 0 };
        self.0.values().map(length).sum()
    }
}

fn mode(node: &Node) -> u32 {
    match node {
        Node::File { mode, .. } => *mode,
        Node::Directory => 0o755,
        Node::Link(_) => 0o777,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::default();
        tree.add("b/run", Node::File { content: b"x\n".to_vec(), mode: 0o755 });
        tree.add("b/type", Node::File { content: b"longrun\n".to_vec(), mode: 0o644 });
        tree.link("a/deep/link", "../../b/run");
        tree.add("empty", Node::Directory);
        tree
    }

    #[test]
    fn what_is_written_is_read_back() {
        let top = tempfile::tempdir().unwrap();
        let written = top.path().join("t");
        sample().write(&written).unwrap();
        assert_eq!(Tree::read(&written).unwrap(), sample());
        assert!(sample().write(&written).is_err());
    }

    #[test]
    fn the_image_s_own_directories_are_left_alone() {
        let mut tree = sample();
        tree.link("usr/bin/x", "../../b/run");
        let archive = tree.tar().unwrap();
        let mut reader = tar::Archive::new(archive.as_slice());
        let paths: Vec<_> =
            reader.entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string()).collect();
        assert_eq!(paths, ["a/", "b/", "empty/", "a/deep/", "a/deep/link", "usr/bin/x", "b/run", "b/type"]);
    }

    #[test]
    fn archives_have_one_order_belong_to_root_and_are_always_the_same() {
        let archive = sample().tar().unwrap();
        assert_eq!(archive, sample().tar().unwrap());
        let mut reader = tar::Archive::new(archive.as_slice());
        let entries: Vec<_> = reader
            .entries()
            .unwrap()
            .map(|e| {
                let e = e.unwrap();
                let h = e.header();
                assert_eq!((h.uid().unwrap(), h.gid().unwrap(), h.mtime().unwrap()), (0, 0, TIME));
                (String::from_utf8(e.path_bytes().into_owned()).unwrap(), h.mode().unwrap())
            })
            .collect();
        let expected = [
            ("a/", 0o755),
            ("b/", 0o755),
            ("empty/", 0o755),
            ("a/deep/", 0o755),
            ("a/deep/link", 0o777),
            ("b/run", 0o755),
            ("b/type", 0o644),
        ];
        assert_eq!(entries, expected.map(|(name, mode)| (name.to_owned(), mode)));
    }

    #[test]
    fn merging_keeps_both() {
        let mut tree = Tree::default();
        tree.link("a/deep/other", "x");
        tree.merge(&sample());
        assert_eq!(tree.0.len(), sample().0.len() + 1);
        assert_eq!(tree.size(), 10);
    }
}
