//! Folders of scripts that run one after the other: cont-init.d and cont-finish.d.

use rustix::fs::{CWD, Dir, Mode, OFlags};
use rustix::io::Errno;

/// The visible names in a folder, in byte order; none if there is no such folder.
///
/// # Errors
/// The folder exists and can't be read.
pub fn list(folder: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = match sys::fs::openat(CWD, folder, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut names = Vec::new();
    for entry in Dir::new(fd)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !name.starts_with(b".") {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_empty() {
        assert_eq!(list(b"/no/such/folder"), Ok(Vec::new()));
        assert_eq!(list(b"/etc/passwd"), Err(Errno::NOTDIR));
    }
}
