//! The last lines of services, which the relay keeps in files of limited size: S6_LOG_KEEP.
//!
//! Each service has the file `/run/s6-overlay/log/NAME`.  When it would become longer than half of the size, it becomes
//! `NAME%old`, in the place of the last one.  Nothing is open between two writes, so a relay that is killed leaves at most
//! a line without an end, to which the next one gives it.  What can't be written isn't kept.

use super::format::Format;
use super::lines::Lines;
use crate::layout::KEPT_LOGS;
use ipc::relay::Stream;
use rustix::fs::{CWD, Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use supervision::board::DIR;
use wire::tai::Tai64n;

/// What the name of a full file ends in; [`file_name`] never gives a name that does.
const OLD: &[u8] = b"%old";

/// Permissions of the files: as private as the container's output.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);

/// Permissions of their directory.
const DIR_MODE: Mode = Mode::from_raw_mode(0o750);

/// The file of a service: its name, but `%`, `/` and a dot at the start are `%25`, `%2F` and `%2E`.
#[must_use]
pub fn file_name(service: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(service.len());
    for byte in service {
        match byte {
            b'%' => name.extend(b"%25"),
            b'/' => name.extend(b"%2F"),
            b'.' if name.is_empty() => name.extend(b"%2E"),
            _ => name.push(*byte),
        }
    }
    name
}

/// The name of a file when it was full.
#[must_use]
pub fn old_name(file: &[u8]) -> Vec<u8> {
    [file, OLD].concat()
}

/// The directory of the files, and how long they may become.
#[derive(Debug)]
pub(crate) struct Keep {
    dir: OwnedFd,
    /// The limit of one of the two files of a service, in bytes.
    half: usize,
}

impl Keep {
    /// The directory, which is made if it isn't there; `size` is the limit for a service in bytes.
    ///
    /// # Errors
    /// It can't be made, or others may write to it: `PERM`.
    pub(crate) fn open(size: u32) -> Result<Self, Errno> {
        let top = files::own_dir(CWD, DIR.as_bytes(), Mode::from_raw_mode(0o755))?;
        Ok(Self { dir: files::own_dir(top, KEPT_LOGS.as_bytes(), DIR_MODE)?, half: size as usize / 2 })
    }

    /// Appends lines of a service.
    fn append(&self, name: &[u8], lines: &[u8]) -> Result<(), Errno> {
        let lines = newest(lines, self.half);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || sys::fs::openat(&self.dir, name, flags, FILE_MODE);
        let mut file = open()?;
        let mut size = rustix::fs::seek(&file, SeekFrom::End(0))?;
        let mut last = [b'\n'];
        if size.saturating_add(lines.len() as u64) >= self.half as u64 && size > 0 {
            sys::fs::renameat(&self.dir, name, &self.dir, old_name(name))?;
            (file, size) = (open()?, 0);
        } else if size > 0 {
            rustix::io::pread(&file, &mut last, size.saturating_sub(1))?;
        }
        let end: &[u8] = if last == *b"\n" { b"" } else { b"\n" };
        files::write_all(&file, end).and_then(|()| files::write_all(&file, lines)).inspect_err(|_| {
            // No part of a line stays.
            let _ = rustix::fs::ftruncate(&file, size);
        })
    }
}

/// The last lines of a text that take less than `limit` bytes.
fn newest(text: &[u8], limit: usize) -> &[u8] {
    let Some(cut) = text.len().checked_sub(limit) else { return text };
    let rest = text.get(cut..).unwrap_or_default();
    let start = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at.saturating_add(1));
    rest.get(start..).unwrap_or_default()
}

/// The lines of one pipe, which are kept.
#[derive(Debug)]
pub(crate) struct Kept {
    keep: Rc<Keep>,
    file: Vec<u8>,
    lines: Lines,
}

impl Kept {
    /// For a pipe of a service.
    #[must_use]
    pub(crate) fn new(keep: Rc<Keep>, service: &[u8], stream: Stream) -> Self {
        Self { keep, file: file_name(service), lines: Lines::new(Format::Kept, service, stream) }
    }

    /// Takes bytes that were read at `now`.
    pub(crate) fn feed(&mut self, bytes: &[u8], now: Tai64n) {
        self.write(|lines, out| lines.feed(bytes, now, out));
    }

    /// Ends the last line, since the pipe has ended.
    pub(crate) fn end(&mut self, now: Tai64n) {
        self.write(|lines, out| lines.end(now, out));
    }

    fn write(&mut self, take: impl FnOnce(&mut Lines, &mut Vec<u8>)) {
        let mut out = Vec::new();
        take(&mut self.lines, &mut out);
        if !out.is_empty() {
            // Where there is no room, the container's output still has the lines.
            let _ = self.keep.append(&self.file, &out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    fn keep(dir: &Path, half: usize) -> Keep {
        Keep { dir: files::open_dir(CWD, dir.as_os_str().as_bytes()).unwrap(), half }
    }

    #[test]
    fn names_stay_in_the_directory_and_are_different() {
        for (service, file) in [
            ("mailer", "mailer"),
            ("..", "%2E."),
            (".a.b", "%2Ea.b"),
            ("a/../log", "a%2F..%2Flog"),
            ("a%old", "a%25old"),
            ("a\n", "a\n"),
        ] {
            assert_eq!(file_name(service.as_bytes()), file.as_bytes());
        }
    }

    #[test]
    fn two_files_have_the_last_lines() {
        let tmp = tempfile::tempdir().unwrap();
        let keep = keep(tmp.path(), 100);
        let read = |name: &str| std::fs::read_to_string(tmp.path().join(name)).unwrap_or_default();
        for n in 0..1000 {
            keep.append(b"a", format!("line {n}\n").as_bytes()).unwrap();
            let both = read("a%old") + &read("a");
            assert!(both.len() < 200 && (n < 20 || both.len() >= 90), "{n}: {both}");
            let expected: String =
                (0..=n).map(|n| format!("line {n}\n")).skip(n + 1 - both.lines().count()).collect();
            assert_eq!(both, expected);
        }
        // More at once than there is room for.
        let text: String = (0..50).map(|n| format!("line {n}\n")).collect();
        keep.append(b"b", text.as_bytes()).unwrap();
        assert_eq!((read("b").lines().next(), read("b").len()), (Some("line 38"), 96));
        keep.append(b"b", &[b'x'; 300]).unwrap();
        assert_eq!(read("b").len(), 96, "a line that is too long for all of the room isn't kept");
    }

    #[test]
    fn a_part_of_a_line_that_a_killed_relay_left_gets_an_end() {
        let tmp = tempfile::tempdir().unwrap();
        let keep = keep(tmp.path(), 100);
        std::fs::write(tmp.path().join("a"), "a\npart").unwrap();
        keep.append(b"a", b"b\n").unwrap();
        assert_eq!(std::fs::read(tmp.path().join("a")).unwrap(), b"a\npart\nb\n");
    }

    #[test]
    fn files_are_private_and_links_are_not_followed() {
        let tmp = tempfile::tempdir().unwrap();
        let keep = keep(tmp.path(), 100);
        keep.append(b"a", b"a\n").unwrap();
        assert_eq!(std::fs::metadata(tmp.path().join("a")).unwrap().mode() & 0o7777 & !0o640, 0);
        symlink("target", tmp.path().join("b")).unwrap();
        assert_eq!(keep.append(b"b", b"b\n"), Err(Errno::LOOP));
        assert!(!tmp.path().join("target").exists());
    }

    #[test]
    fn a_directory_where_others_write_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        let top = files::open_dir(CWD, tmp.path().as_os_str().as_bytes()).unwrap();
        let open = || files::own_dir(&top, b"log", DIR_MODE).map(drop);
        assert_eq!((open(), open()), (Ok(()), Ok(())));
        let set = |mode| {
            std::fs::set_permissions(tmp.path().join("log"), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(0o770);
        assert_eq!(open(), Err(Errno::PERM));
        set(0o750);
        std::fs::rename(tmp.path().join("log"), tmp.path().join("other")).unwrap();
        symlink("other", tmp.path().join("log")).unwrap();
        assert!(matches!(open(), Err(Errno::NOTDIR | Errno::LOOP)));
    }
}
