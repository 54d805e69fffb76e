//! Reading whole files, up to a limit.

use crate::dir::retry;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How much is read at once.
const CHUNK: usize = 4096;

/// Reads to the end, at most `limit` bytes.
///
/// # Errors
/// As read(2); also of a part.
#[inline]
pub fn read_at_most(file: impl AsFd, limit: usize) -> Result<Vec<u8>, Errno> {
    read(file.as_fd(), limit, What::Any)
}

/// The same for a file that is known to be regular, which saves a call.
///
/// # Errors
/// As read(2).
pub fn read_regular(file: impl AsFd, limit: usize) -> Result<Vec<u8>, Errno> {
    read(file.as_fd(), limit, What::Regular)
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Anything.
    Any,
    /// A regular file: a read that doesn't fill its room has come to the end.
    Regular,
    /// Anything that has places, which a FIFO has not.
    WithPlaces,
}

fn read(file: BorrowedFd<'_>, limit: usize, what: What) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    // Not filled beforehand: most files are short, and the rest of the room needs no page then.
    let mut chunk = [MaybeUninit::<u8>::uninit(); CHUNK];
    while bytes.len() < limit {
        let room = chunk.get_mut(..CHUNK.min(limit - bytes.len())).unwrap_or_default();
        let is_last = retry(|| {
            let (read, rest) = match what {
                What::WithPlaces => rustix::io::pread(file, &mut *room, bytes.len() as u64)?,
                What::Any | What::Regular => rustix::io::read(file, &mut *room)?,
            };
            bytes.extend_from_slice(read);
            Ok(read.is_empty() || (what == What::Regular && !rest.is_empty()))
        })?;
        if is_last {
            break;
        }
    }
    Ok(bytes)
}

/// Reads a file by its name in a directory, at most `limit` bytes.
///
/// Links are followed.  A FIFO that nobody writes to is empty, it doesn't hang the reader.
///
/// # Errors
/// As open(2) and read(2).
pub fn read_file(dir: impl AsFd, name: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
    read_named(dir.as_fd(), name, limit, What::Any)
}

/// The same, but a FIFO is refused, whether or not somebody writes to it.
///
/// # Errors
/// As open(2) and pread(2): `SPIPE` for a FIFO, `NXIO` for a socket, `ISDIR` for a directory.
pub fn read_no_fifo(dir: impl AsFd, name: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
    read_named(dir.as_fd(), name, limit, What::WithPlaces)
}

/// The same for a file that a listing of the directory has shown to be regular, which saves a call.
///
/// # Errors
/// As open(2) and read(2).
pub fn read_regular_file(dir: impl AsFd, name: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
    read_named(dir.as_fd(), name, limit, What::Regular)
}

fn read_named(dir: BorrowedFd<'_>, name: &[u8], limit: usize, what: What) -> Result<Vec<u8>, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = retry(|| sys::fs::openat(dir, name, flags, Mode::empty()))?;
    read(file.as_fd(), limit, what)
}

/// Opens a regular file that isn't a link: where other users can put something else.
///
/// # Errors
/// As open(2); `INVAL`: it is something else.
pub fn open_file_itself(dir: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = retry(|| sys::fs::openat(&dir, name, flags, Mode::empty()))?;
    match FileType::from_raw_mode(sys::fs::fstat(&file)?.st_mode) {
        FileType::RegularFile => Ok(file),
        _ => Err(Errno::INVAL),
    }
}

/// Reads what a user names: a file, or a pipe, whose writer is waited for; at most `limit` bytes.
///
/// # Errors
/// As open(2) and read(2).
pub fn read_path(path: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
    read_at_most(&retry(|| sys::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()))?, limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType};
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn no_more_than_the_limit_and_no_less_than_there_is() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        let text: Vec<u8> = (0_u8..=255).cycle().take(10_000).collect();
        std::fs::write(tmp.path().join("f"), &text).unwrap();
        for limit in [0, 1, 4095, 4096, 4097, 8192, 9999, 10_000, 10_001, usize::MAX] {
            for read in [read_file, read_regular_file, read_no_fifo] {
                let read = read(&dir, b"f", limit).unwrap();
                assert!(read == text[..limit.min(text.len())], "{limit}");
            }
        }
    }

    #[test]
    fn pieces_of_a_pipe_are_one_text() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        std::thread::scope(|threads| {
            threads.spawn(move || {
                for piece in ["a", "b", "c"] {
                    crate::write_all(&writer, piece.as_bytes()).unwrap();
                }
            });
            assert_eq!(read_at_most(&reader, 100).unwrap(), b"abc");
        });
    }

    #[test]
    fn a_named_pipe_is_waited_for() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("fifo");
        sys::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        std::thread::scope(|threads| {
            threads.spawn(|| std::fs::write(&path, "text").unwrap());
            assert_eq!(read_path(path.as_os_str().as_bytes(), 99).unwrap(), b"text");
        });
        assert_eq!(read_path(b"/none", 99), Err(Errno::NOENT));
    }

    #[test]
    fn what_is_no_file_is_an_error_or_empty() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        assert_eq!(read_file(&dir, b"f", 9), Err(Errno::NOENT));
        assert_eq!(read_file(CWD, tmp.path().as_os_str().as_bytes(), 9), Err(Errno::ISDIR));
        sys::fs::mknodat(&dir, "fifo", FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(read_file(&dir, b"fifo", 9), Ok(Vec::new()));
        assert_eq!(read_no_fifo(&dir, b"fifo", 9), Err(Errno::SPIPE));
        assert_eq!(read_no_fifo(CWD, tmp.path().as_os_str().as_bytes(), 9), Err(Errno::ISDIR));
        let file = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
        assert_eq!(read_at_most(file, 9), Err(Errno::BADF), "open for writing only");
    }
}
