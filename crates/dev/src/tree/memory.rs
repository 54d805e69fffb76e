//! Files in memory: what archives hold, and what this program brings with it.

use super::meta::Meta;
use files::Kind;
use rustix::io::Errno;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A longer chain of links leads nowhere, as in the kernel.
pub const LINKS_MAX: usize = 40;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory,
    /// A regular file with its contents, or their beginning.
    File(Cow<'static, [u8]>),
    /// A symbolic link to this.
    Link(Vec<u8>),
    /// A device, a FIFO, a socket.
    Other,
}

/// What is in a node.
#[derive(Debug)]
enum Inside {
    Directory(BTreeMap<Vec<u8>, usize>),
    File(Cow<'static, [u8]>),
    Link(Vec<u8>),
    Other,
}

/// A file: several names may lead to it.
#[derive(Debug)]
struct Inode {
    meta: Meta,
    /// The layer of the image that has it, or that mentions it.
    layer: usize,
    /// The layer that hides what is below in this directory.
    hiding: usize,
    inside: Inside,
}

/// The permissions of a directory that nothing is said of.
const DIRECTORY: Meta = Meta { kind: Kind::Directory, mode: 0o755, uid: 0, gid: 0, size: 0 };

/// A tree of files in memory, the root first.  What is put into it is laid over what is there, layer by layer.
#[derive(Debug)]
pub struct Memory {
    nodes: Vec<Inode>,
    /// How many names were looked up to put entries in their places.
    steps: u64,
}

impl Default for Memory {
    fn default() -> Self {
        let inside = Inside::Directory(BTreeMap::new());
        Self { nodes: vec![Inode { meta: DIRECTORY, layer: 0, hiding: 0, inside }], steps: 0 }
    }
}

/// The names in a path; those that say nothing are left out.
fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

impl Memory {
    /// How many files there are.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// How much work it was to put them there.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    fn children(&self, at: usize) -> Option<&BTreeMap<Vec<u8>, usize>> {
        match &self.nodes.get(at)?.inside {
            Inside::Directory(children) => Some(children),
            _ => None,
        }
    }

    fn children_mut(&mut self, at: usize) -> Option<&mut BTreeMap<Vec<u8>, usize>> {
        match &mut self.nodes.get_mut(at)?.inside {
            Inside::Directory(children) => Some(children),
            _ => None,
        }
    }

    fn child(&self, at: usize, name: &[u8]) -> Option<usize> {
        self.children(at)?.get(name).copied()
    }

    /// The node at a path, no link followed.
    fn find(&self, path: &[u8]) -> Result<&Inode, Errno> {
        let mut at = 0;
        for name in names(path) {
            at = *self.children(at).ok_or(Errno::NOTDIR)?.get(name).ok_or(Errno::NOENT)?;
        }
        self.nodes.get(at).ok_or(Errno::NOENT)
    }

    pub(super) fn list(&self, path: &[u8], each: &mut dyn FnMut(&[u8], Kind)) -> Result<(), Errno> {
        let Inside::Directory(children) = &self.find(path)?.inside else { return Err(Errno::NOTDIR) };
        for (name, at) in children {
            each(name, self.nodes.get(*at).map_or(Kind::Other, |node| node.meta.kind));
        }
        Ok(())
    }

    pub(super) fn meta(&self, path: &[u8]) -> Result<Meta, Errno> {
        self.find(path).map(|node| node.meta)
    }

    pub(super) fn link(&self, path: &[u8]) -> Option<Vec<u8>> {
        match &self.find(path).ok()?.inside {
            Inside::Link(target) => Some(target.clone()),
            _ => None,
        }
    }

    pub(super) fn read(&self, path: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
        match &self.find(path)?.inside {
            Inside::File(data) => Ok(data.get(..limit).unwrap_or(data).to_vec()),
            _ => Err(Errno::NOENT),
        }
    }

    /// The directory of this name in another: it is made in the place of what isn't one.
    fn directory_in(&mut self, above: usize, name: &[u8], layer: usize) -> usize {
        match self.child(above, name).filter(|at| self.children(*at).is_some()) {
            Some(at) => {
                self.nodes.get_mut(at).into_iter().for_each(|node| node.layer = layer);
                at
            }
            None => {
                let inside = Inside::Directory(BTreeMap::new());
                self.add(above, name, Inode { meta: DIRECTORY, layer, hiding: 0, inside })
            }
        }
    }

    fn add(&mut self, above: usize, name: &[u8], node: Inode) -> usize {
        let at = self.nodes.len();
        self.nodes.push(node);
        self.children_mut(above).and_then(|children| children.insert(name.to_vec(), at));
        at
    }

    /// The directory that a path leads to, links followed; what is missing is made.  `None`: its links don't end.
    fn make(&mut self, path: &[u8], layer: usize) -> Option<usize> {
        let mut rest: Vec<Vec<u8>> = names(path).rev().map(<[u8]>::to_vec).collect();
        let (mut above, mut links) = (vec![0], 0);
        while let Some(name) = rest.pop() {
            self.steps += 1;
            if name == b".." {
                above.truncate(above.len().saturating_sub(1).max(1));
                continue;
            }
            let here = above.last().copied()?;
            let node = self.child(here, &name).and_then(|at| self.nodes.get(at));
            if let Some(Inode { inside: Inside::Link(target), .. }) = node {
                links += 1;
                if links > LINKS_MAX {
                    return None;
                }
                if target.starts_with(b"/") {
                    above.truncate(1);
                }
                rest.extend(names(target).rev().map(<[u8]>::to_vec));
            } else {
                let next = self.directory_in(here, &name, layer);
                above.push(next);
            }
        }
        above.last().copied()
    }

    /// Puts an entry of a layer in its place, whose path is made of names and slashes between them, in directories that are made if they aren't there.
    ///
    /// # Errors
    /// The links on the way don't end.
    pub fn put(&mut self, layer: usize, path: &[u8], meta: Meta, node: Node) -> Result<(), Errno> {
        let (above, name) = self.place(path, layer)?;
        let Some(name) = name else {
            self.nodes.first_mut().into_iter().for_each(|root| root.meta = meta);
            return Ok(());
        };
        let inside = match node {
            Node::Directory => {
                let at = self.directory_in(above, name, layer);
                self.nodes.get_mut(at).into_iter().for_each(|node| node.meta = meta);
                return Ok(());
            }
            Node::File(data) => Inside::File(data),
            Node::Link(target) => Inside::Link(target),
            Node::Other => Inside::Other,
        };
        self.add(above, name, Inode { meta, layer, hiding: 0, inside });
        Ok(())
    }

    /// The directory of an entry and its name there; no name for the root.
    fn place<'p>(&mut self, path: &'p [u8], layer: usize) -> Result<(usize, Option<&'p [u8]>), Errno> {
        if path.is_empty() {
            return Ok((0, None));
        }
        let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => path.split_at(slash),
            None => (&b""[..], path),
        };
        let name = name.strip_prefix(b"/").unwrap_or(name);
        Ok((self.make(above, layer).ok_or(Errno::LOOP)?, Some(name)))
    }

    /// Gives a file another name.
    ///
    /// # Errors
    /// There is no such file, or it is a directory; or links don't end.
    pub fn put_name(&mut self, layer: usize, path: &[u8], of: &[u8]) -> Result<(), Errno> {
        let (from, name) = self.place(of, layer)?;
        let found = name.and_then(|name| self.child(from, name)).ok_or(Errno::NOENT)?;
        if self.children(found).is_some() {
            return Err(Errno::ISDIR);
        }
        self.nodes.get_mut(found).into_iter().for_each(|node| node.layer = layer);
        let (above, Some(name)) = self.place(path, layer)? else { return Err(Errno::ISDIR) };
        self.children_mut(above).and_then(|children| children.insert(name.to_vec(), found));
        Ok(())
    }

    /// Hides what the layers below have at a path; what this layer has there stays.
    ///
    /// # Errors
    /// The links on the way don't end.
    pub fn hide(&mut self, layer: usize, path: &[u8]) -> Result<(), Errno> {
        let (above, name) = self.place(path, layer)?;
        match name.map(|name| (name, self.child(above, name))) {
            None => self.hide_inside(layer, 0),
            Some((_, None)) => {}
            Some((name, Some(at))) if self.nodes.get(at).is_some_and(|node| node.layer < layer) => {
                self.children_mut(above).and_then(|children| children.remove(name));
            }
            Some((_, Some(at))) => self.hide_inside(layer, at),
        }
        Ok(())
    }

    /// Hides what the layers below have in a directory.
    ///
    /// # Errors
    /// The links on the way don't end.
    pub fn hide_below(&mut self, layer: usize, path: &[u8]) -> Result<(), Errno> {
        let at = self.make(path, layer).ok_or(Errno::LOOP)?;
        self.hide_inside(layer, at);
        Ok(())
    }

    fn hide_inside(&mut self, layer: usize, at: usize) {
        let mut left = vec![at];
        while let Some(at) = left.pop() {
            // Nothing of the layers below comes back into a directory that was gone through.
            let node = self.nodes.get_mut(at).filter(|node| node.hiding < layer);
            let Some(Inode { inside: Inside::Directory(children), hiding, .. }) = node else { continue };
            *hiding = layer;
            let mut children = std::mem::take(children);
            children.retain(|_, at| self.nodes.get(*at).is_some_and(|node| node.layer >= layer));
            left.extend(children.values());
            self.children_mut(at).into_iter().for_each(|empty| *empty = std::mem::take(&mut children));
        }
    }
}
