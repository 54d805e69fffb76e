//! Images in archives: what `docker save`, `docker export` and OCI tools write, as a stream or unpacked.  Nothing is written to
//! the disk, and in memory is only what is looked at: names, and the contents of scripts, settings and small files.

mod layer;
mod manifest;
mod room;
mod tarball;
mod unpack;

use crate::config::Config;
use crate::tree::{Disk, Memory};
use files::Kind;
use layer::{Entry, Layers};
use manifest::{Parts, Texts};
pub use room::Room;
use std::collections::HashMap;
use std::io::{self, Read};
use tarball::Head;
use tool::diag::show;

/// A longer text is no manifest.
const TEXT_MAX: usize = 1 << 22;
/// A chain of names for the same file in an archive isn't longer.
const LINKS_MAX: usize = 8;

/// An image.
#[derive(Debug, Default)]
pub struct Archive {
    /// Its files, all layers laid over each other.
    pub files: Memory,
    /// What it is started with, if the archive says so.
    pub config: Option<Config>,
    /// What was chosen, if there was a choice.
    pub note: Option<String>,
}

/// A file of an archive of layers.
#[derive(Debug)]
enum Blob {
    Text(Vec<u8>),
    /// Its entries, or why they can't be read.
    Layer(Result<Vec<Entry>, String>),
    Link(Vec<u8>),
}

/// The files of an archive that may be parts of an image.
#[derive(Debug, Default)]
struct Blobs(HashMap<Vec<u8>, Blob>);

/// Where the parts of an image are.
trait Store: Texts {
    /// Calls `each` with the entries of a layer, which may be used again.
    fn layer(
        &mut self,
        path: &str,
        is_used_again: bool,
        each: &mut dyn FnMut(Entry) -> Result<(), String>,
    ) -> Result<(), String>;
}

/// Reads an archive: the layers of an image, or the files of a root directory.
///
/// # Errors
/// It is none, or it is damaged, or there is no image for the platform in it.
pub fn read(source: &mut dyn Read, platform: Option<&str>, room: &Room) -> Result<Archive, String> {
    let mut blobs = Blobs::default();
    let (mut plain, mut is_root) = (Vec::new(), false);
    let mut unpacked = unpack::unpacked(&mut *source).map_err(|e| e.to_string())?;
    tarball::entries(&mut *unpacked, room, &mut |head, contents| {
        is_root |= head.path.starts_with(b"etc") || head.path.starts_with(b"usr");
        plain.push(match !is_root && is_part(&head.path) {
            true => blobs.add(head, contents, room)?,
            false => Entry::read(head, contents, room)?,
        });
        Ok(())
    })?;
    // Whoever writes into a pipe isn't ended by a signal: what is behind the end of an archive is read, too.
    drop(unpacked);
    io::copy(source, &mut io::sink()).map_err(|e| e.to_string())?;
    if let Some(parts) = manifest::parts(&blobs, platform)? {
        drop(plain);
        return image(&mut blobs, parts);
    }
    let mut layers = Layers::default();
    plain.into_iter().try_for_each(|entry| layers.add(entry))?;
    Ok(Archive { files: layers.files(), ..Archive::default() })
}

/// Reads an image whose parts are files of a directory; `None` if it is a directory of something else.
///
/// # Errors
/// It is damaged, or there is no image for the platform in it.
pub fn read_directory(
    directory: &Disk,
    platform: Option<&str>,
    room: &Room,
) -> Result<Option<Archive>, String> {
    let mut layout = Layout { directory, room };
    manifest::parts(&layout, platform)?.map(|parts| image(&mut layout, parts)).transpose()
}

/// Lays the layers of an image over each other.
fn image(store: &mut dyn Store, parts: Parts) -> Result<Archive, String> {
    let text = store.text(&parts.config)?.ok_or_else(|| missing(&parts.config))?;
    let damaged = |e: &dyn std::fmt::Display| format!("{}: {e}", show(parts.config.as_bytes()));
    let text = std::str::from_utf8(&text).map_err(|e| damaged(&e))?;
    let config = Config::of_image(text).map_err(|e| damaged(&e))?;
    let mut layers = Layers::of_image();
    for (at, path) in parts.layers.iter().enumerate() {
        let is_used_again = parts.layers.iter().skip(at + 1).any(|other| other == path);
        layers.next();
        store
            .layer(path, is_used_again, &mut |entry| layers.add(entry))
            .map_err(|e| format!("{}: {e}", show(path.as_bytes())))?;
    }
    Ok(Archive { files: layers.files(), config: Some(config), note: parts.note })
}

fn missing(path: &str) -> String {
    format!("{} isn't in it", show(path.as_bytes()))
}

/// Whether a file may be a part of an image: `manifest.json`, `blobs/sha256/…`, `…/layer.tar`.
fn is_part(path: &[u8]) -> bool {
    let names: Vec<_> = path.split(|byte| *byte == b'/').collect();
    match names.as_slice() {
        [name] => name.ends_with(b".json") || name.ends_with(b".tar") || *name == b"oci-layout",
        [_, name] => *name == b"layer.tar",
        [folder, ..] => *folder == b"blobs" && names.len() == 3,
        [] => false,
    }
}

/// The path that a link in a directory leads to.
fn joined(directory: &[u8], target: &[u8]) -> Vec<u8> {
    let start = if target.starts_with(b"/") { &b""[..] } else { directory };
    let mut names: Vec<&[u8]> = Vec::new();
    for name in start.split(|byte| *byte == b'/').chain(target.split(|byte| *byte == b'/')) {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join(&b'/')
}

impl Blobs {
    /// Adds a file; gives what it is in a root directory.
    fn add(&mut self, head: Head, contents: &mut dyn Read, room: &Room) -> Result<Entry, String> {
        let path = head.path.clone();
        let blob = match (&head.link, &head.name_of, head.meta.kind) {
            (Some(target), ..) => Blob::Link(joined(tool::path::split(&path).0, target)),
            (_, Some(of), _) => Blob::Link(of.clone()),
            (.., Kind::File) => blob(contents, room)?,
            _ => return Entry::read(head, contents, room),
        };
        let entry = match &blob {
            Blob::Text(text) => Entry::file(head, text.clone()),
            Blob::Layer(_) | Blob::Link(_) => Entry::read(head, &mut io::empty(), room)?,
        };
        self.0.insert(path, blob);
        Ok(entry)
    }

    /// The path of the file that is called so.
    fn real(&self, path: &str) -> Option<Vec<u8>> {
        let mut path = joined(b"", path.as_bytes());
        for _ in 0..LINKS_MAX {
            match self.0.get(&path)? {
                Blob::Link(target) => path.clone_from(target),
                Blob::Text(_) | Blob::Layer(_) => return Some(path),
            }
        }
        None
    }
}

/// Reads what may be a text or a layer.
fn blob(contents: &mut dyn Read, room: &Room) -> Result<Blob, String> {
    let mut read = || {
        let unpacked = unpack::unpacked(&mut *contents).map_err(|e| e.to_string())?;
        let (head, mut source) = unpack::peek(unpacked, 1).map_err(|e| e.to_string())?;
        if matches!(head.as_slice(), b"{" | b"[") {
            let mut text = Vec::new();
            source.take(TEXT_MAX as u64).read_to_end(&mut text).map_err(|e| e.to_string())?;
            return Ok(Blob::Text(text));
        }
        let mut entries = Vec::new();
        layer::read(&mut source, room, &mut |entry| {
            entries.push(entry);
            Ok(())
        })
        .map(|()| Blob::Layer(Ok(entries)))
    };
    let blob = read().unwrap_or_else(|e| Blob::Layer(Err(e)));
    if let Blob::Text(text) = &blob {
        room.keep(2 * text.len())?;
    }
    Ok(blob)
}

impl Texts for Blobs {
    fn text(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(match self.real(path).and_then(|path| self.0.get(&path)) {
            Some(Blob::Text(text)) => Some(text.clone()),
            _ => None,
        })
    }
}

impl Store for Blobs {
    fn layer(
        &mut self,
        path: &str,
        is_used_again: bool,
        each: &mut dyn FnMut(Entry) -> Result<(), String>,
    ) -> Result<(), String> {
        let real = self.real(path).ok_or("it isn't there")?;
        match self.0.get(&real) {
            Some(Blob::Layer(Err(e))) => return Err(e.clone()),
            Some(Blob::Layer(Ok(entries))) if is_used_again => {
                return entries.iter().cloned().try_for_each(each);
            }
            _ => {}
        }
        match self.0.remove(&real) {
            Some(Blob::Layer(Ok(entries))) => entries.into_iter().try_for_each(each),
            _ => Err("it is no layer".into()),
        }
    }
}

/// A directory with the parts of an image in it.
struct Layout<'d> {
    directory: &'d Disk,
    room: &'d Room,
}

impl Texts for Layout<'_> {
    fn text(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        self.directory.read_if_regular(path.as_bytes(), TEXT_MAX).map_err(|e| format!("{path}: {e}"))
    }
}

impl Store for Layout<'_> {
    fn layer(
        &mut self,
        path: &str,
        _is_used_again: bool,
        each: &mut dyn FnMut(Entry) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut file = self.directory.open_regular(path.as_bytes()).map_err(|e| e.to_string())?;
        let mut unpacked = unpack::unpacked(&mut file).map_err(|e| e.to_string())?;
        layer::read(&mut *unpacked, self.room, each)
    }
}
