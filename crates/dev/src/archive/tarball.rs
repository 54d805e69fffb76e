//! The entries of a tar archive.  The `tar` crate reads it; here is what keeps an archive from using it badly.

use super::room::Room;
use crate::tree::Meta;
use files::Kind;
use std::cell::Cell;
use std::io::{self, Read};
use tar::{Archive, Entry, EntryType};
use tool::diag::show;

/// As much may stand between two entries: long names, and what else is said of the next one.
const HEAD_MAX: u64 = 1 << 20;
/// A longer name is no file's, as in the kernel.
const PATH_MAX: usize = 4096;

/// What an entry is, but for its contents.
#[derive(Debug, Clone)]
pub struct Head {
    /// Names with slashes between them; empty for the root.
    pub path: Vec<u8>,
    /// What is known of it.
    pub meta: Meta,
    /// Where a symbolic link leads.
    pub link: Option<Vec<u8>>,
    /// The path of the file that this is another name of.
    pub name_of: Option<Vec<u8>>,
}

/// A stream that is read up to a limit, which is raised again and again.
struct Metered<'s> {
    source: &'s mut dyn Read,
    left: &'s Cell<u64>,
    has_ended: &'s Cell<bool>,
    room: &'s Room,
}

impl Read for Metered<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 && !into.is_empty() {
            return Err(io::Error::other("a name in it is too long"));
        }
        let most = usize::try_from(self.left.get()).unwrap_or(usize::MAX).min(into.len());
        let count = self.source.read(into.get_mut(..most).unwrap_or_default())?;
        self.has_ended.set(count == 0 && !into.is_empty());
        self.left.set(self.left.get().saturating_sub(count as u64));
        self.room.unpack(count).map_err(io::Error::other)?;
        Ok(count)
    }
}

/// Calls `each` with every entry and its contents, in the order of the archive.
///
/// # Errors
/// It is no archive, or a damaged one; a name leads out of it; or the error of `each`.
pub fn entries(
    source: &mut dyn Read,
    room: &Room,
    each: &mut dyn FnMut(Head, &mut dyn Read) -> Result<(), String>,
) -> Result<(), String> {
    let (left, has_ended) = (Cell::new(HEAD_MAX), Cell::new(false));
    let metered = Metered { source, left: &left, has_ended: &has_ended, room };
    let mut archive = Archive::new(metered);
    let mut is_archive = false;
    for entry in archive.entries().map_err(|e| e.to_string())? {
        let mut entry = entry.map_err(|e| match is_archive {
            true => e.to_string(),
            false => format!("it is no archive: {e}"),
        })?;
        is_archive = true;
        left.set(u64::MAX);
        if let Some(head) = head(&entry)? {
            room.add()?;
            room.keep(head.path.len() + head.link.as_ref().map_or(0, Vec::len))?;
            each(head, &mut entry)?;
        }
        // The holes of a sparse file have no end: it is passed over as it is stored.
        let unread = match entry.header().entry_type().is_gnu_sparse() {
            true => entry.header().entry_size().map_err(|e| e.to_string())?,
            false => {
                io::copy(&mut entry, &mut io::sink()).map_err(|e| e.to_string())?;
                0
            }
        };
        left.set(unread.saturating_add(HEAD_MAX));
    }
    if has_ended.get() {
        return Err("it was cut off: its end isn't there".into());
    }
    // To the end of what it is compressed with, which has a sum.
    left.set(u64::MAX);
    io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop).map_err(|e| e.to_string())
}

/// What an entry is; `None` for what is no file.
fn head(entry: &Entry<'_, impl Read>) -> Result<Option<Head>, String> {
    let header = entry.header();
    let raw = entry.path_bytes();
    let path = inside(&raw)?;
    let number = |number: io::Result<u64>| u32::try_from(number.unwrap_or(0)).unwrap_or(u32::MAX);
    let mode = header.mode().unwrap_or(0) & 0o7777;
    let mut meta = Meta {
        kind: Kind::File,
        mode,
        uid: number(header.uid()),
        gid: number(header.gid()),
        size: entry.size(),
    };
    let target = || entry.link_name_bytes().unwrap_or_default().into_owned();
    let (mut link, mut name_of) = (None, None);
    match header.entry_type() {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            if raw.ends_with(b"/") {
                meta.kind = Kind::Directory;
            }
        }
        EntryType::Directory => meta.kind = Kind::Directory,
        EntryType::Symlink => {
            let target = target();
            if target.len() > PATH_MAX {
                return Err(format!("the link {} is too long", show(&path)));
            }
            meta.kind = Kind::Link;
            link = Some(target);
        }
        EntryType::Link => name_of = Some(inside(&target())?),
        EntryType::Char | EntryType::Block | EntryType::Fifo => meta.kind = Kind::Other,
        _ => return Ok(None),
    }
    if matches!(meta.kind, Kind::Directory | Kind::Other) || path.is_empty() {
        meta.size = 0;
    }
    if path.is_empty() && meta.kind != Kind::Directory {
        return Ok(None);
    }
    Ok(Some(Head { path, meta, link, name_of }))
}

/// The path below the root of the archive.
fn inside(path: &[u8]) -> Result<Vec<u8>, String> {
    if path.len() > PATH_MAX {
        return Err("a name in it is too long".into());
    }
    if path.contains(&0) {
        return Err(format!("{} is no file's name", show(path)));
    }
    let names: Vec<_> =
        path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").collect();
    if names.contains(&&b".."[..]) {
        return Err(format!("{} leads out of it", show(path)));
    }
    Ok(names.join(&b'/'))
}
