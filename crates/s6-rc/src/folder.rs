//! Directories of service definitions, read with few system calls.
//!
//! A [`Folder`] is an open directory and the list of what is in it: one pass of getdents tells which of the many
//! optional files of a service definition exist, so that no missing file is opened.

use crate::by_name::by_name;
use crate::directory::Directory;
use crate::instances::fill;
use files::{Kind, Permissions, open_dir};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::Mode;
use tool::{Fatal, OrUnable, diag::show};

/// The largest file of those that are written by hand, in bytes.
pub(crate) const TEXT_LIMIT: usize = 1 << 20;

/// Shorter lists are sorted where they are.
const SHORT: usize = 16;

/// The permissions of files that everybody may read.
pub(crate) const READABLE: Permissions = Permissions::LessUmask(0o644);

/// Runs `work` under the umask 022, so that everybody can read what it makes, whatever the caller's umask is.
pub(crate) fn with_umask<T>(work: impl FnOnce() -> T) -> T {
    let old = rustix::process::umask(Mode::from_raw_mode(0o022));
    let result = work();
    rustix::process::umask(old);
    result
}

/// An open directory and what is in it.
#[derive(Debug)]
pub(crate) struct Folder<D = OwnedFd> {
    directory: D,
    pub(crate) path: Vec<u8>,
    names: Names,
    /// The instance whose definition is read from it: its texts and the names in its subdirectories have it for `%i`.
    pub(crate) instance: Option<Vec<u8>>,
}

/// The names of a directory, one behind the other, and what they are.
#[derive(Debug)]
struct Names {
    bytes: Vec<u8>,
    list: Vec<Place>,
    /// The [`mark`]s of all names.
    marks: u64,
}

/// An entry of a directory.
#[derive(Debug)]
struct Place {
    /// Where its name ends in the bytes; it begins where the one before ends.
    end: usize,
    mark: u64,
    kind: Kind,
}

/// A bit that equal names have in common, and few others do.
fn mark(name: &[u8]) -> u64 {
    let first = name.first().map_or(0, |b| usize::from(*b));
    1 << ((first + 8 * name.len()) % 64)
}

impl Folder {
    /// Opens and lists the directory `name` in `at`; messages call it `path`.
    pub(crate) fn open(at: BorrowedFd<'_>, name: &[u8], path: Vec<u8>) -> Result<Self, Fatal> {
        let fd = open_dir(at, name).or_unable_to("open", &path)?;
        Self::of(fd, path)
    }
}

impl<D: Directory> Folder<D> {
    /// Lists a directory; messages call it `path`.
    pub(crate) fn of(directory: D, path: Vec<u8>) -> Result<Self, Fatal> {
        // Enough for most definitions.
        let mut names = Names { bytes: Vec::with_capacity(128), list: Vec::with_capacity(8), marks: 0 };
        directory
            .list(&mut |name, kind| {
                names.bytes.extend_from_slice(name);
                let mark = mark(name);
                names.list.push(Place { end: names.bytes.len(), mark, kind });
                names.marks |= mark;
                Ok(())
            })
            .or_unable_to("read", &path)?;
        Ok(Self { directory, path, names, instance: None })
    }

    /// Opens and lists the directory `name` in this one; messages call it `path`.
    pub(crate) fn open_in(&self, name: &[u8], path: Vec<u8>) -> Result<Self, Fatal> {
        let directory = self.directory.open(name).or_unable_to("open", &path)?;
        Self::of(directory, path)
    }

    /// The names of the entries and their kinds, in the file system's order; links are not followed.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&[u8], Kind)> {
        let mut start = 0;
        self.names.list.iter().map(move |Place { end, kind, .. }| {
            let name = self.names.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            (name, *kind)
        })
    }

    /// The same, sorted by name.
    pub(crate) fn sorted(&self) -> Vec<(&[u8], Kind)> {
        let entries: Vec<_> = self.entries().collect();
        let names: Vec<_> = entries.iter().map(|(name, _)| *name).collect();
        by_name(&names).into_iter().filter_map(|at| entries.get(at).copied()).collect()
    }

    /// What an entry of this kind is, links followed.
    pub(crate) fn followed(&self, name: &[u8], kind: Kind) -> Kind {
        if kind == Kind::Link { self.directory.follow(name) } else { kind }
    }

    /// The kind of this entry itself; `None` if there is no such entry.
    fn entry(&self, name: &[u8]) -> Option<Kind> {
        let mark = mark(name);
        if self.names.marks & mark == 0 {
            return None;
        }
        let mut start = 0;
        for place in &self.names.list {
            if place.mark == mark && self.names.bytes.get(start..place.end) == Some(name) {
                return Some(place.kind);
            }
            start = place.end;
        }
        None
    }

    /// What this entry is, links followed; `None` if there is no such entry.
    pub(crate) fn kind(&self, name: &[u8]) -> Option<Kind> {
        self.entry(name).map(|kind| self.followed(name, kind))
    }

    /// Whether there is such an entry, and it isn't a link to nowhere.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        match self.entry(name) {
            Some(Kind::Link) => self.directory.follow(name) != Kind::Other,
            kind => kind.is_some(),
        }
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
        if self.entry(name) == Some(Kind::Other) {
            let text = format!("unable to read {}: it is not a regular file", show(&self.path_of(name)));
            return Err(Fatal::new(1, text));
        }
        self.read(name, TEXT_LIMIT).map(|text| Some(self.filled(text)))
    }

    /// A text or a name with the instance in it.
    fn filled(&self, text: Vec<u8>) -> Vec<u8> {
        match &self.instance {
            Some(instance) => fill(&text, instance),
            None => text,
        }
    }

    /// The contents of a file of this directory, at most `limit` bytes.
    pub(crate) fn read(&self, name: &[u8], limit: usize) -> Result<Vec<u8>, Fatal> {
        let is_regular = self.entry(name) == Some(Kind::File);
        self.directory
            .read(name, is_regular, limit)
            .or_unable(|| format!("read {}", show(&self.path_of(name))))
    }

    /// The names in the subdirectory `name`, sorted and without the hidden ones; `None` if there is none.
    pub(crate) fn names_in(&self, name: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Fatal> {
        if !self.has(name) {
            return Ok(None);
        }
        let directory =
            self.directory.open(name).or_unable(|| format!("open {}", show(&self.path_of(name))))?;
        let mut found = Vec::new();
        directory
            .list(&mut |name, _| {
                if !name.starts_with(b".") {
                    found.push(self.filled(name.to_vec()));
                }
                Ok(())
            })
            .or_unable(|| format!("read {}", show(&self.path_of(name))))?;
        if found.len() < SHORT {
            found.sort_unstable();
            return Ok(Some(found));
        }
        let order = by_name(&found.iter().map(Vec::as_slice).collect::<Vec<_>>());
        Ok(Some(order.into_iter().filter_map(|at| found.get_mut(at).map(std::mem::take)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Folder, TEXT_LIMIT};
    use files::Kind;
    use rustix::fs::CWD;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_knows_its_entries_and_where_their_links_lead() {
        let tmp = tempfile::tempdir().unwrap();
        let at = |name: &str| tmp.path().join(name);
        std::fs::write(at("type"), "longrun\n").unwrap();
        std::fs::create_dir(at("data")).unwrap();
        symlink("type", at("run")).unwrap();
        symlink("none", at("up")).unwrap();
        symlink("/dev/null", at("finish")).unwrap();
        sys::fs::mknodat(CWD, at("down"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        let folder = Folder::open(CWD, tmp.path().as_os_str().as_bytes(), b"path".to_vec()).unwrap();
        let names: Vec<_> = folder.sorted().into_iter().map(|(name, _)| tool::diag::shown(name)).collect();
        assert_eq!(names, ["data", "down", "finish", "run", "type", "up"]);
        for (name, kind, text) in [
            ("type", Some(Kind::File), Ok(Some("longrun\n"))),
            ("run", Some(Kind::File), Ok(Some("longrun\n"))),
            ("data", Some(Kind::Directory), Err(111)),
            ("down", Some(Kind::Other), Err(1)),
            // Links to nothing that can be read count as absent.
            ("up", Some(Kind::Other), Ok(None)),
            ("finish", Some(Kind::Other), Ok(None)),
            ("epyt", None, Ok(None)),
        ] {
            assert_eq!(folder.kind(name.as_bytes()), kind, "{name}");
            let found = folder.text(name.as_bytes()).map_err(|e| e.code());
            let text = text.map(|t| t.map(|t: &str| t.as_bytes().to_vec()));
            assert_eq!(found, text, "{name}");
            assert_eq!(folder.has(name.as_bytes()), text != Ok(None), "{name}");
        }
    }

    #[test]
    fn a_text_has_at_most_a_mebibyte() {
        assert_eq!(TEXT_LIMIT, 1_048_576);
    }
}
