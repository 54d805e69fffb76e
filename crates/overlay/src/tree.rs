//! Whole trees of files: removing and copying them.

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn errno(e: &std::io::Error) -> Errno {
    Errno::from_io_error(e).unwrap_or(Errno::IO)
}

/// Removes a file or a whole folder; links in it are removed, never followed.  What isn't there is fine.
///
/// # Errors
/// Something in it can't be removed.
pub fn remove(path: &[u8]) -> Result<(), Errno> {
    match sys::fs::unlink(path) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(e) => return Err(e),
    }
    match std::fs::remove_dir_all(Path::new(OsStr::from_bytes(path))) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(errno(&e)),
        _ => Ok(()),
    }
}

/// Folders deeper than this are refused, so that a loop of mounts can't hold up the boot.
const DEEPEST: u32 = 64;

/// Copies a file or a whole folder with modes and, where this process may, owners.  Links stay links.
///
/// # Errors
/// Something can't be read or written, or isn't a file, folder, link, FIFO or device.
pub fn copy(from: &[u8], to: &[u8]) -> Result<(), Errno> {
    copy_level(from, to, DEEPEST)
}

fn copy_level(from: &[u8], to: &[u8], levels: u32) -> Result<(), Errno> {
    if levels == 0 {
        return Err(Errno::LOOP);
    }
    let stat = sys::fs::statat(CWD, from, AtFlags::SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => {
            let target = sys::fs::readlink(from, Vec::new())?;
            return sys::fs::symlink(target.as_c_str(), to);
        }
        FileType::RegularFile => copy_content(from, to)?,
        FileType::Directory => {
            match sys::fs::mkdir(to, Mode::from(0o700)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let dir = sys::fs::openat(CWD, from, flags, Mode::empty())?;
            for entry in rustix::fs::Dir::new(dir)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." {
                    let join = |folder: &[u8]| [folder, b"/", name].concat();
                    copy_level(&join(from), &join(to), levels.saturating_sub(1))?;
                }
            }
        }
        kind @ (FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice) => {
            sys::fs::mknodat(CWD, to, kind, Mode::from(0o600), stat.st_rdev)?;
        }
        FileType::Unknown => return Err(Errno::INVAL),
    }
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    if (stat.st_uid, stat.st_gid)
        != (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
    {
        match sys::fs::chownat(CWD, to, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
            // Another user than root copies what it may read, as its own.
            Ok(()) | Err(Errno::PERM) => {}
            Err(e) => return Err(e),
        }
    }
    sys::fs::chmod(to, mode)
}

fn copy_content(from: &[u8], to: &[u8]) -> Result<(), Errno> {
    let open = |path: &[u8], flags: OFlags| -> Result<OwnedFd, Errno> {
        sys::fs::openat(CWD, path, flags | OFlags::CLOEXEC, Mode::from(0o600))
    };
    let source = open(from, OFlags::RDONLY)?;
    let sink = open(to, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
    let mut source = std::fs::File::from(source);
    let mut sink = std::fs::File::from(sink);
    std::io::copy(&mut source, &mut sink).map(|_| ()).map_err(|e| errno(&e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn path(p: &Path) -> &[u8] {
        p.as_os_str().as_bytes()
    }

    #[test]
    fn a_copy_keeps_modes_and_links_and_a_removal_takes_all() {
        let root = std::env::temp_dir().join(format!("overlay-tree-{}", std::process::id()));
        let (a, b) = (root.join("a"), root.join("b"));
        std::fs::create_dir_all(a.join("sub")).unwrap();
        std::fs::write(a.join("sub/run"), "x").unwrap();
        std::fs::set_permissions(a.join("sub/run"), std::fs::Permissions::from_mode(0o751)).unwrap();
        std::os::unix::fs::symlink("/nowhere", a.join("link")).unwrap();
        copy(path(&a), path(&b)).unwrap();
        assert_eq!(std::fs::read(b.join("sub/run")).unwrap(), b"x");
        let mode = std::fs::metadata(b.join("sub/run")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o751);
        assert_eq!(std::fs::read_link(b.join("link")).unwrap(), Path::new("/nowhere"));
        remove(path(&root)).unwrap();
        assert!(!root.exists());
        remove(path(&root)).unwrap();
    }
}
