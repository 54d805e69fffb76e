//! Directories of service definitions, read with few system calls.
//!
//! A [`Folder`] is an open directory and the list of what is in it: one pass of getdents tells which of the many
//! optional files of a service definition exist, so that no missing file is opened.

use files::{Entry, Kind, Permissions, entries, follow, open_dir, read_file};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::Mode;
use tool::{Fatal, OrUnable, diag::show};

/// The largest file of those that are written by hand, in bytes.
pub(crate) const TEXT_LIMIT: usize = 1 << 20;

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
pub(crate) struct Folder {
    pub(crate) fd: OwnedFd,
    pub(crate) path: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
}

impl Folder {
    /// Opens and lists the directory `name` in `at`; messages call it `path`.
    pub(crate) fn open(at: BorrowedFd<'_>, name: &[u8], path: Vec<u8>) -> Result<Self, Fatal> {
        let fd = open_dir(at, name).or_unable_to("open", &path)?;
        let entries = entries(&fd).or_unable_to("read", &path)?;
        Ok(Self { fd, path, entries })
    }

    /// What this entry is, links followed; `None` if there is no such entry.
    pub(crate) fn kind(&self, name: &[u8]) -> Option<Kind> {
        let entry = self.entries.iter().find(|e| e.name == name)?;
        Some(if entry.kind == Kind::Link { follow(&self.fd, name) } else { entry.kind })
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
            let text = format!("unable to read {}: it is not a regular file", show(&self.path_of(name)));
            return Err(Fatal::new(1, text));
        }
        read_file(&self.fd, name, TEXT_LIMIT)
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

#[cfg(test)]
mod tests {
    use super::TEXT_LIMIT;

    #[test]
    fn a_text_has_at_most_a_mebibyte() {
        assert_eq!(TEXT_LIMIT, 1_048_576);
    }
}
