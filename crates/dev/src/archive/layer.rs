//! The layers of an image: what each adds to those below, and what it takes away.

use super::room::Room;
use super::tarball::{self, Head};
use super::unpack::peek;
use crate::tree::{Memory, Meta, Node};
use files::Kind;
use std::io::Read;
use tool::diag::show;

/// Smaller files are kept whatever they are, and so much of programs.
const SMALL: usize = 1 << 10;
/// As much is kept of other files.
const BEGINNING: usize = 64;
/// Of a script, and of what is in the folders of settings, as much is kept.
const SCRIPT_MAX: u64 = 1 << 20;
/// Where settings are.
const SETTINGS: [&[u8]; 3] = [b"etc/", b"package/", b"run/"];
/// So much work is done to put all entries in their places.
const STEPS_MAX: u64 = 200_000_000;

/// A name that takes away what is below it, and one that takes away all that a directory has below.
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// An entry of a layer.
#[derive(Debug, Clone)]
pub struct Entry {
    path: Vec<u8>,
    meta: Meta,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Node(Node),
    NameOf(Vec<u8>),
}

impl Entry {
    /// Reads an entry of an archive, with as much of its contents as is kept.
    pub fn read(head: Head, contents: &mut dyn Read, room: &Room) -> Result<Self, String> {
        let what = match (head.link, head.name_of, head.meta.kind) {
            (Some(target), ..) => What::Node(Node::Link(target)),
            (_, Some(of), _) => What::NameOf(of),
            (.., Kind::Directory) => What::Node(Node::Directory),
            (.., Kind::File) => {
                let kept = kept(&head.path, contents)?;
                room.keep(kept.len())?;
                What::Node(Node::File(kept.into()))
            }
            _ => What::Node(Node::Other),
        };
        Ok(Self { path: head.path, meta: head.meta, what })
    }

    /// A file with these contents, all of them.
    pub fn file(head: Head, text: Vec<u8>) -> Self {
        Self { path: head.path, meta: head.meta, what: What::Node(Node::File(text.into())) }
    }

    /// Lays it over what is there.
    fn apply(self, layer: usize, files: &mut Memory) -> Result<(), String> {
        let shown = show(&self.path).to_string();
        let done = match self.what {
            What::Node(node) => files.put(layer, &self.path, self.meta, node),
            What::NameOf(of) => files.put_name(layer, &self.path, &of),
        };
        done.map_err(|e| format!("{shown}: {e}"))
    }

    /// Lays it over what is there, or takes away from it, in an image of several layers.
    fn apply_layered(self, layer: usize, files: &mut Memory) -> Result<(), String> {
        let (above, name) = match self.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (self.path.get(..slash).unwrap_or_default(), self.path.get(slash + 1..)),
            None => (&b""[..], Some(self.path.as_slice())),
        };
        let name = name.unwrap_or_default();
        let done = match name.strip_prefix(WHITEOUT) {
            _ if name == OPAQUE => files.hide_below(layer, above),
            // Other marks of the storage.
            Some(rest) if rest.is_empty() || rest.starts_with(WHITEOUT) => Ok(()),
            Some(hidden) if above.is_empty() => files.hide(layer, hidden),
            Some(hidden) => files.hide(layer, &[above, b"/", hidden].concat()),
            None => return self.apply(layer, files),
        };
        done.map_err(|e| format!("{}: {e}", show(&self.path)))
    }
}

/// What is kept of a file.
fn kept(path: &[u8], contents: &mut dyn Read) -> Result<Vec<u8>, String> {
    let (mut head, source) = peek(contents, SMALL as u64).map_err(|e| e.to_string())?;
    if SETTINGS.iter().any(|folder| path.starts_with(folder)) || head.starts_with(b"#!") {
        head.clear();
        source.take(SCRIPT_MAX).read_to_end(&mut head).map_err(|e| e.to_string())?;
    } else if head.len() == SMALL && !head.starts_with(b"\x7fELF") {
        head.truncate(BEGINNING);
        head.shrink_to_fit();
    }
    Ok(head)
}

/// The files of an image, layer by layer from below.
#[derive(Debug, Default)]
pub struct Layers {
    files: Memory,
    layer: usize,
    is_layered: bool,
}

impl Layers {
    /// Files whose names may take away files of layers below.
    pub fn of_image() -> Self {
        Self { is_layered: true, ..Self::default() }
    }

    /// Goes on to the next layer.
    pub fn next(&mut self) {
        self.layer += 1;
    }

    /// Adds an entry of this layer.
    pub fn add(&mut self, entry: Entry) -> Result<(), String> {
        match self.is_layered {
            true => entry.apply_layered(self.layer, &mut self.files)?,
            false => entry.apply(self.layer, &mut self.files)?,
        }
        if self.files.steps() > STEPS_MAX {
            return Err("it takes too long to put its files in their places".into());
        }
        Ok(())
    }

    /// All of them.
    pub fn files(self) -> Memory {
        self.files
    }
}

/// Reads the entries of a layer, which isn't compressed.
pub fn read(
    source: &mut dyn Read,
    room: &Room,
    each: &mut dyn FnMut(Entry) -> Result<(), String>,
) -> Result<(), String> {
    tarball::entries(source, room, &mut |head, contents| each(Entry::read(head, contents, room)?))
}
