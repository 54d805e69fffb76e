//! What a container says of itself in its directory of volatile files: of one that runs here, or a copy of that.
//!
//! A copy may be the whole `/run` or only `/run/s6-overlay`, as a directory or as a tar archive, or only the record of events.
//! What is read of it is copied once more, so that no link leads out of it and nothing is bigger than it may be.

use commands::status::gather::gather;
use commands::status::place::Place;
use commands::status::{Kind as ServiceKind, Service, Snapshot};
use rustix::fs::{FileType, Mode, OFlags};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use supervision::board::{Record, read_board, read_record};
use tempfile::TempDir;
use wire::record::{FILE, Kind, MAGIC};

/// The most that is read of a file.
const FILE_MAX: u64 = 16 << 20;
/// The most files and links, and the most bytes of files, that are kept of an archive.
const KEPT_MAX: usize = 1000;
const BYTES_MAX: u64 = 64 << 20;
/// How many links are followed to a file.
const LINKS_MAX: usize = 8;
/// Where a container has the directory: what an absolute link in it means.
const RUN: &[u8] = b"run";

/// The directory itself, of the container that this process is in.
pub const OWN_RUN: &str = "/run";

const BOARD: &str = "s6-overlay/board";
const RECORD: &str = "s6-overlay/record";
/// What of the directory is looked at.
const FILES: [&str; 4] = [BOARD, RECORD, "s6-rc/state", "s6-rc/compiled/db"];

/// How often files that change meanwhile are copied again.
const COPIES_MAX: usize = 4;

/// The files of a container.
#[derive(Debug)]
pub struct Container {
    dir: PathBuf,
    /// Where they were copied to.
    copy: Option<TempDir>,
    /// Whether it runs, on this machine.
    is_live: bool,
}

impl Container {
    /// One that runs here: the one that this process is in, or the one whose `/run` this directory is.
    ///
    /// # Errors
    /// It has no board.
    pub fn live(dir: &Path) -> Result<Self, String> {
        let board = dir.join(BOARD);
        let cannot = |e: rustix::io::Errno| {
            let (path, why) = (board.display(), io::Error::from(e));
            format!("unable to read the status board {path}: {why} (a container of this s6-overlay has one)")
        };
        read_board(board.as_os_str().as_bytes()).map_err(cannot)?;
        if dir == Path::new(OWN_RUN) {
            return Ok(Self { dir: dir.to_owned(), copy: None, is_live: true });
        }
        // In another container's directory, absolute links mean something else than here.
        let mut copy = None;
        for _ in 0..COPIES_MAX {
            let copied =
                Self::of_directory(dir).map_err(|e| format!("unable to read {}: {e}", dir.display()))?;
            let read =
                copied.as_ref().map(|copied| read_board(copied.dir.join(BOARD).as_os_str().as_bytes()));
            copy = copied;
            if read.is_none_or(|read| read.is_ok_and(|board| board.damaged.is_empty())) {
                break;
            }
        }
        let copy = copy.ok_or_else(|| unlike(dir.display()))?;
        Ok(Self { is_live: true, ..copy })
    }

    /// A copy: a directory, an archive, or a record.
    ///
    /// # Errors
    /// It can't be read, or is something else.
    pub fn copied(path: &Path) -> Result<Self, String> {
        let cannot = |e: io::Error| format!("unable to read {}: {e}", path.display());
        if path.as_os_str() == "-" {
            return Self::of_bytes(io::stdin().lock())
                .map_err(cannot)?
                .ok_or_else(|| unlike("standard input"));
        }
        let unlike = || unlike(path.display());
        match fs::metadata(path).map_err(cannot)?.is_dir() {
            true => Self::of_directory(path).map_err(cannot)?.ok_or_else(unlike),
            false => {
                Self::of_bytes(fs::File::open(path).map_err(cannot)?).map_err(cannot)?.ok_or_else(unlike)
            }
        }
    }

    fn of_directory(path: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = sys::fs::open(path, flags, Mode::empty())?;
        Self::of_files(&|path| on_disk(&top, path))
    }

    /// Of an archive, or of a record of events.
    fn of_bytes(mut from: impl Read) -> io::Result<Option<Self>> {
        let mut begin = Vec::new();
        from.by_ref().take(MAGIC.len() as u64).read_to_end(&mut begin)?;
        let mut from = begin.as_slice().chain(from);
        if begin != MAGIC {
            let entries = match archived(from) {
                Ok(entries) => entries,
                Err(e) if e.raw_os_error().is_some() => return Err(e),
                // No archive, or a damaged one: what was there of it isn't trusted.
                Err(_) => return Ok(None),
            };
            return Self::of_files(&|path| Ok(entries.get(path).cloned()));
        }
        let mut record = Vec::new();
        from.by_ref().take(FILE as u64).read_to_end(&mut record)?;
        Self::of_files(&|path| {
            Ok(match path {
                b"s6-overlay" => Some(Entry::Directory),
                _ => (path == RECORD.as_bytes()).then(|| Entry::File(record.clone())),
            })
        })
    }

    /// Of what is at paths relative to a directory that has the container's somewhere near its top.
    fn of_files(at: &dyn Fn(&[u8]) -> io::Result<Option<Entry>>) -> io::Result<Option<Self>> {
        // As docker cp and tar name them, with and without the directory itself.
        for top in [&b""[..], b"run", b"var/run"] {
            if let Some(record) = resolve(at, top, RECORD)? {
                return Self::kept(at, top, RECORD, record).map(Some);
            }
        }
        resolve(at, b"", "record")?.map(|record| Self::kept(at, b"", "record", record)).transpose()
    }

    /// Copies what there is.
    fn kept(
        at: &dyn Fn(&[u8]) -> io::Result<Option<Entry>>,
        top: &[u8],
        name: &str,
        record: Vec<u8>,
    ) -> io::Result<Self> {
        let copy = tempfile::tempdir()?;
        for file in FILES {
            let from = if name == "record" { file.rsplit('/').next().unwrap_or_default() } else { file };
            let content = match file {
                RECORD => Some(record.clone()),
                _ => resolve(at, top, from)?,
            };
            let to = copy.path().join(file);
            if let Some(content) = content {
                fs::create_dir_all(to.parent().unwrap_or(copy.path()))?;
                fs::write(to, content)?;
            }
        }
        // So that it is looked at without a board, too.
        fs::create_dir_all(copy.path().join("service"))?;
        Ok(Self { dir: copy.path().to_owned(), copy: Some(copy), is_live: false })
    }

    /// What there is to know of it; of a copy, at the moment of the last event.
    ///
    /// # Errors
    /// It has no board, or no record; without a board, a copy has what its record says.
    pub fn look(&self) -> Result<(Snapshot, Record), String> {
        let place = Place::at(self.dir.as_os_str().as_bytes());
        let path = place.record();
        let record = read_record(&path).map_err(|e| match self.copy.is_some() {
            true => unlike("the record of events"),
            false => {
                let why = io::Error::from(e);
                format!("unable to read the record of events {}: {why}", tool::diag::show(&path))
            }
        })?;
        let mut all = gather(&place, false).map_err(|e| e.message().to_string())?;
        if !self.is_live {
            let last = record.events.last().map_or(record.clocks.0, |(.., event)| event.at);
            all.now = (last, record.clocks.1.saturating_add(last.saturating_sub(record.clocks.0)));
            all.remarks.clear();
            add_told(&mut all, &record);
        }
        Ok((all, record))
    }
}

fn unlike(what: impl std::fmt::Display) -> String {
    format!(
        "{what} isn't the /run of a container of this s6-overlay, nor its /run/s6-overlay or the record in it"
    )
}

/// Adds services that the record tells of, and that neither the board nor the database is there for.
fn add_told(all: &mut Snapshot, record: &Record) {
    if all.services.iter().any(|service| service.up.is_some()) {
        return;
    }
    let lacks = "what needs what isn't in this copy: it is in /run/s6-rc and /run/s6";
    all.remarks.push(lacks.to_owned());
    for (.., event) in &record.events {
        let kind = match event.kind {
            Kind::OneshotBegan | Kind::OneshotEnded => ServiceKind::Oneshot,
            Kind::Started | Kind::Ready | Kind::Ended => ServiceKind::Longrun,
            _ => continue,
        };
        let is_known = all.services.iter().any(|service| event.name.is(&service.name));
        if event.name.is_whole() && !is_known {
            all.services.push(Service { name: event.name.bytes.clone(), kind, ..Service::default() });
        }
    }
}

/// When a container's daemons ended during its start, by their places in the snapshot, in microseconds since it began.
#[must_use]
pub fn ends(all: &Snapshot, record: &Record, begun: Duration, took: u64) -> Vec<Vec<u64>> {
    let mut ends = vec![Vec::new(); all.services.len()];
    for (.., event) in record.events.iter().filter(|(.., event)| event.kind == Kind::Ended) {
        let since = event.at.checked_sub(begun).and_then(|since| u64::try_from(since.as_micros()).ok());
        let Some(since) = since.filter(|since| *since <= took) else { continue };
        let of = all.services.iter().position(|service| event.name.is(&service.name));
        of.and_then(|at| ends.get_mut(at)).into_iter().for_each(|ends| ends.push(since));
    }
    ends
}

/// What is at a path.
#[derive(Debug, Clone)]
enum Entry {
    Directory,
    File(Vec<u8>),
    Link(Vec<u8>),
}

/// What is at a path below a directory, without following links.
fn on_disk(top: &OwnedFd, path: &[u8]) -> io::Result<Option<Entry>> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = sys::fs::openat(top, ".", flags | OFlags::PATH, Mode::empty())?;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".") {
        at = match sys::fs::openat(&at, name, flags | OFlags::PATH, Mode::empty()) {
            Ok(next) => next,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
    }
    Ok(match FileType::from_raw_mode(sys::fs::fstat(&at)?.st_mode) {
        FileType::Directory => Some(Entry::Directory),
        FileType::Symlink => Some(Entry::Link(sys::fs::readlinkat(&at, "", Vec::new())?.into_bytes())),
        FileType::RegularFile => {
            let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&at));
            let mut content = Vec::new();
            fs::File::open(own)?.take(FILE_MAX).read_to_end(&mut content)?;
            Some(Entry::File(content))
        }
        _ => None,
    })
}

/// Whether a link of this name may lead to what is looked at: to the live state, and from there to the database.
fn leads(name: &[u8]) -> bool {
    name == b"s6-rc" || name == b"compiled" || name.starts_with(b"db")
}

/// What an archive has of what is looked at, by path.
fn archived(from: impl Read) -> io::Result<BTreeMap<Vec<u8>, Entry>> {
    let (mut entries, mut room) = (BTreeMap::new(), BYTES_MAX);
    for entry in tar::Archive::new(from).entries()? {
        let entry = entry?;
        let path = entry.path_bytes();
        let path = path.strip_prefix(b"./").unwrap_or(&path);
        let path = path.strip_suffix(b"/").unwrap_or(path).to_vec();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let is_wanted = FILES.iter().any(|file| file.rsplit('/').next().map(str::as_bytes) == Some(name));
        let kept = match entry.header().entry_type() {
            tar::EntryType::Symlink if leads(name) => {
                entry.link_name_bytes().map(|to| Entry::Link(to.into_owned()))
            }
            // A record is mostly zeros, which some leave out of an archive.
            tar::EntryType::Regular | tar::EntryType::GNUSparse if is_wanted => {
                let mut content = Vec::new();
                entry.take(FILE_MAX.min(room)).read_to_end(&mut content)?;
                room = room.saturating_sub(content.len() as u64);
                Some(Entry::File(content))
            }
            _ => None,
        };
        if let Some(kept) = kept.filter(|_| entries.len() < KEPT_MAX) {
            entries.insert(path, kept);
        }
    }
    Ok(entries)
}

/// The content of a file below a directory, links followed within that; `None` if there is none.
fn resolve(
    at: &dyn Fn(&[u8]) -> io::Result<Option<Entry>>,
    top: &[u8],
    file: &str,
) -> io::Result<Option<Vec<u8>>> {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty() && *name != b".")
            .rev()
            .map(<[u8]>::to_vec)
            .collect()
    };
    // What is left to go, the next one last.
    let (mut left, mut links) = (parts(file.as_bytes()), 0);
    let mut done: Vec<Vec<u8>> = Vec::new();
    while let Some(name) = left.pop() {
        if name == b".." {
            done.pop();
            continue;
        }
        done.push(name);
        let path = [parts(top).into_iter().rev().collect(), done.clone()].concat().join(&b'/');
        match at(&path)? {
            Some(Entry::File(content)) => return Ok(left.is_empty().then_some(content)),
            Some(Entry::Directory) => {}
            Some(Entry::Link(target)) if links < LINKS_MAX => {
                links += 1;
                done.pop();
                let mut target_parts = parts(&target);
                if target.starts_with(b"/") {
                    done.clear();
                    if target_parts.last().is_some_and(|first| first == b"var") {
                        target_parts.pop();
                    }
                    if target_parts.pop().as_deref() != Some(RUN) {
                        return Ok(None);
                    }
                }
                left.extend(target_parts);
            }
            // An archive may have files without their directories.
            None if !left.is_empty() => {}
            _ => return Ok(None),
        }
    }
    Ok(None)
}
