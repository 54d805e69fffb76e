//! One log: a log directory of `s6-log` or its kin, or the kept lines of a service.  Its lines come in order: archives first,
//! then the current file, and what takes its place.
//!
//! What is in such a directory may be another user's work: links aren't followed, only regular files are read, and a line is
//! at most [`LINE_MAX`] bytes long.

use super::line::Line;
use crate::stamp;
use files::open_file_itself;
use logger::is_archive;
use overlay::log_dirs::CURRENT;
use overlay::relay::old_name;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, OwnedFd};
use wire::tai::Tai64n;
use wire::zone::Zone;

/// The limit of a line in bytes; a longer one comes in pieces.
const LINE_MAX: usize = 64 << 10;

/// How much is read at once, in bytes.
const CHUNK: usize = 16 << 10;

/// What compressed files begin with, and what makes texts of them.
const COMPRESSIONS: [(&[u8], &str); 4] =
    [(b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")];

/// Starts a program that decompresses the file; gives its output.
pub(super) type Decompress<'a> = &'a dyn Fn(&'static str, OwnedFd) -> Result<(OwnedFd, Pid), Errno>;

/// The lines of a file.
struct Reader {
    file: OwnedFd,
    buffer: Vec<u8>,
    start: usize,
    continues: bool,
    child: Option<Pid>,
}

impl Reader {
    fn new(file: OwnedFd, child: Option<Pid>) -> Self {
        Self { file, buffer: Vec::new(), start: 0, continues: false, child }
    }

    /// The next line, and whether it is a further piece; without `last`, only if its end is there.
    fn line(&mut self, last: bool) -> Option<(Vec<u8>, bool)> {
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'\n');
            if end.is_some() || rest.len() >= LINE_MAX {
                let text = rest.get(..end.unwrap_or(LINE_MAX).min(LINE_MAX)).unwrap_or(rest).to_vec();
                let is_whole = end == Some(text.len());
                self.start = self.start.saturating_add(text.len()).saturating_add(usize::from(is_whole));
                return Some((text, std::mem::replace(&mut self.continues, !is_whole)));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            let mut chunk = [0; CHUNK];
            match rustix::io::retry_on_intr(|| rustix::io::read(&self.file, &mut chunk)) {
                Ok(count @ 1..) => self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Ok(_) | Err(_) if last && !self.buffer.is_empty() => {
                    return Some((
                        std::mem::take(&mut self.buffer),
                        std::mem::replace(&mut self.continues, false),
                    ));
                }
                Ok(_) | Err(_) => return None,
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(child) = self.child {
            // Without a reader it ends.
            if let Ok(null) = sys::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
                self.file = null;
            }
            let _ = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty());
        }
    }
}

/// A log.
pub(super) struct Source {
    /// The name before its lines.
    pub(super) name: Vec<u8>,
    /// Its next line.
    pub(super) next: Option<Line>,
    path: Vec<u8>,
    dir: OwnedFd,
    file: Vec<u8>,
    /// The files to read before the current one.
    older: Vec<Vec<u8>>,
    /// How many of these are read.
    read: usize,
    current: Option<OwnedFd>,
    reader: Option<Reader>,
    in_current: bool,
    /// The current file is to be read to its end, since there is another one.
    is_closing: bool,
    key: Tai64n,
    newest: Vec<u8>,
    /// How many files that were read as the current one aren't archives yet.
    owed: usize,
    /// What couldn't be read; each is reported once.
    skipped: Vec<Vec<u8>>,
}

fn inode(file: impl AsFd) -> Option<u64> {
    sys::fs::fstat(file).ok().map(|st| st.st_ino)
}

impl Source {
    /// Opens the log `file` in the directory `path`.
    ///
    /// # Errors
    /// As open(2).
    pub(super) fn open(name: &[u8], path: &[u8], file: &[u8]) -> Result<Self, Errno> {
        let dir = files::open_dir(CWD, path)?;
        let current = match open_file_itself(&dir, file) {
            Ok(current) => Some(current),
            Err(Errno::NOENT) => None,
            Err(e) => return Err(e),
        };
        let mut source = Self {
            name: name.to_vec(),
            next: None,
            path: path.to_vec(),
            dir,
            file: file.to_vec(),
            older: Vec::new(),
            read: 0,
            current,
            reader: None,
            in_current: false,
            is_closing: false,
            key: Tai64n::default(),
            newest: Vec::new(),
            owed: 0,
            skipped: Vec::new(),
        };
        source.older = source.archives()?;
        source.newest = source.older.last().cloned().unwrap_or_default();
        Ok(source)
    }

    /// The directory.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// What is older than the current file, oldest first.
    fn archives(&self) -> Result<Vec<Vec<u8>>, Errno> {
        let mut older = Vec::new();
        if self.file == CURRENT {
            // What a processor works on at the moment comes last.
            older = files::names(&self.dir)?;
            older.retain(|name| is_archive(name) || name == b"previous");
        } else {
            older.push(old_name(&self.file));
        }
        // What was the current file a moment ago is open.
        let current = self.current.as_ref().and_then(inode);
        older.retain(|name| {
            let st = sys::fs::statat(&self.dir, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW);
            st.is_ok_and(|st| Some(st.st_ino) != current)
        });
        Ok(older)
    }

    /// Leaves out files that are older than this.
    pub(super) fn skip_before(&mut self, since: Tai64n) {
        self.older.retain(|name| Tai64n::from_label(name).is_none_or(|at| at >= since));
    }

    /// Leaves out files without which at least `lines` lines are left.
    pub(super) fn skip_all_but(&mut self, lines: u64, decompress: Decompress<'_>) {
        let mut left = lines;
        let current = self.current.as_ref().and_then(|file| rustix::io::fcntl_dupfd_cloexec(file, 3).ok());
        if let Some(file) = current {
            left = left.saturating_sub(count(Reader::new(file, None)));
        }
        let mut first = self.older.len();
        while left > 0
            && let Some(before) = first.checked_sub(1)
        {
            first = before;
            let name = self.older.get(first).cloned().unwrap_or_default();
            left = left.saturating_sub(self.open_older(&name, decompress).map_or(0, count));
        }
        self.older.drain(..first);
    }

    /// Begins again with the oldest file.
    pub(super) fn rewind(&mut self) {
        (self.read, self.in_current, self.reader, self.next) = (0, false, None, None);
        self.key = Tai64n::default();
    }

    fn open_older(&mut self, name: &[u8], decompress: Decompress<'_>) -> Option<Reader> {
        let file = open_file_itself(&self.dir, name).ok()?;
        let mut start = [0; 6];
        let count = rustix::io::pread(&file, &mut start, 0).unwrap_or(0);
        let start = start.get(..count).unwrap_or_default();
        let Some((_, program)) = COMPRESSIONS.iter().find(|(magic, _)| start.starts_with(magic)) else {
            return Some(Reader::new(file, None));
        };
        match decompress(program, file) {
            Ok((output, child)) => Some(Reader::new(output, Some(child))),
            Err(_) if self.skipped.iter().any(|skipped| skipped == name) => None,
            Err(e) => {
                self.skipped.push(name.to_vec());
                let shown = tool::diag::shown(&tool::path::join(&self.path, name));
                let why = sys::strerror(e);
                tool::diag::warn(
                    super::TOOL.name,
                    format_args!(
                        "{shown} is left out: it is compressed, and {program} can't be run here: {why}"
                    ),
                );
                None
            }
        }
    }

    /// Reads the next line; `follows` says whether the current file may still grow.
    pub(super) fn advance(&mut self, follows: bool, zone: &Zone, decompress: Decompress<'_>) {
        self.next = None;
        loop {
            if self.reader.is_none() {
                if let Some(name) = self.older.get(self.read).cloned() {
                    self.read = self.read.saturating_add(1);
                    self.reader = self.open_older(&name, decompress);
                    self.key = Tai64n::from_label(&name).unwrap_or(self.key);
                    continue;
                }
                if !std::mem::replace(&mut self.in_current, true) {
                    self.open_current();
                }
                if self.reader.is_none() && (!follows || !self.replace_current()) {
                    return;
                }
                continue;
            }
            let last = !self.in_current || !follows || self.is_closing;
            if let Some((text, continues)) = self.reader.as_mut().and_then(|reader| reader.line(last)) {
                let (time, is_piece, text) =
                    if continues { (None, true, text.as_slice()) } else { stamp::read(&text, zone) };
                self.key = time.unwrap_or(self.key);
                let (text, continues) = (text.to_vec(), is_piece);
                self.next = Some(Line { key: self.key, time, text, continues });
                return;
            }
            if !self.in_current {
                self.reader = None;
            } else if !follows || !self.replace_current() {
                return;
            }
        }
    }

    /// Begins to read the current file.
    fn open_current(&mut self) {
        let Some(current) = &self.current else { return };
        if let Ok(file) = rustix::io::fcntl_dupfd_cloexec(current, 3) {
            let _ = rustix::fs::seek(&file, SeekFrom::Start(0));
            if self.key == Tai64n::default()
                && let Ok(st) = sys::fs::fstat(&file)
            {
                self.key = Tai64n::from_unix(st.st_mtime, 0);
            }
            self.reader = Some(Reader::new(file, None));
        }
    }

    /// Goes on with the file that has taken the place of the current one, if there is one; whether there is more to read.
    fn replace_current(&mut self) -> bool {
        let Ok(file) = open_file_itself(&self.dir, &self.file) else { return false };
        let old = self.current.as_ref().and_then(inode);
        if inode(&file) == old {
            return false;
        }
        if self.reader.is_some() && !std::mem::replace(&mut self.is_closing, true) {
            // What was written between the last look and the rotation.
            return true;
        }
        let had = self.current.replace(file).is_some();
        (self.reader, self.in_current, self.is_closing) = (None, false, false);
        (self.older, self.read) = (Vec::new(), 0);
        let mut missed = self.archives().unwrap_or_default();
        if self.file == CURRENT {
            // Each file that was read as the current one becomes an archive, sooner or later; others were missed.
            missed.retain(|name| is_archive(name) && *name > self.newest);
            self.owed = self.owed.saturating_add(usize::from(had));
            self.newest = missed.last().unwrap_or(&self.newest).clone();
            let known = self.owed.min(missed.len());
            self.owed = self.owed.saturating_sub(known);
            missed.drain(..known);
        } else {
            let st = |name: &Vec<u8>| sys::fs::statat(&self.dir, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW);
            missed.retain(|name| st(name).ok().map(|st| st.st_ino) != old);
        }
        self.older = missed;
        true
    }
}

/// The number of lines of a file.
fn count(mut reader: Reader) -> u64 {
    let mut lines = 0_u64;
    let _ = reader.child.is_none().then(|| rustix::fs::seek(&reader.file, SeekFrom::Start(0)));
    while reader.line(true).is_some() {
        lines = lines.saturating_add(1);
    }
    lines
}

#[cfg(test)]
mod tests;
