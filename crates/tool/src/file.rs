//! Whole files, and directories.

use crate::{Fatal, OrUnable};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

/// The content of a file, up to so many bytes.
///
/// # Errors
/// As open(2) and read(2).
pub fn read(file: &[u8], most: usize) -> Result<Vec<u8>, Errno> {
    let fd = sys::fs::open(file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut content = Vec::new();
    let mut buf = [0; 16_384];
    while content.len() < most {
        match rustix::io::read(&fd, &mut buf[..]) {
            Err(Errno::INTR) => {}
            got => match got? {
                0 => break,
                n => content.extend_from_slice(buf.get(..n).unwrap_or_default()),
            },
        }
    }
    content.truncate(most);
    Ok(content)
}

/// Makes a file with this content and mode, whatever the umask.
///
/// # Errors
/// Code 111.
pub fn write(file: &[u8], content: &[u8], mode: u32) -> Result<(), Fatal> {
    std::fs::write(OsStr::from_bytes(file), content).or_unable_to("write", file)?;
    sys::fs::chmod(file, Mode::from_raw_mode(mode)).or_unable_to("write", file)
}

/// Makes a directory with this mode, whatever the umask.
///
/// # Errors
/// Code 111.
pub fn make_dir(dir: &[u8], mode: u32) -> Result<(), Fatal> {
    sys::fs::mkdir(dir, Mode::RWXU).or_unable_to("mkdir", dir)?;
    sys::fs::chmod(dir, Mode::from_raw_mode(mode)).or_unable_to("mkdir", dir)
}

/// Replaces the file at once; its mode is `mode` without the umask.
///
/// # Errors
/// Why it stays as it was.
pub fn replace(file: &[u8], content: &[u8], mode: u32) -> std::io::Result<()> {
    let new = [file, format!(":{}", rustix::process::getpid().as_raw_nonzero()).as_bytes()].concat();
    let new = OsStr::from_bytes(&new);
    let mut made = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(new)?;
    let done = made
        .write_all(content)
        .and_then(|()| made.sync_all())
        .and_then(|()| std::fs::rename(new, OsStr::from_bytes(file)));
    if done.is_err() {
        let _ = std::fs::remove_file(new);
    }
    done
}
