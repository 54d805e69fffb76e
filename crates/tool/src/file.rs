//! Making files and directories, with errors that name the path.

use crate::{Fatal, OrUnable};
use files::Permissions;
use rustix::fs::CWD;

/// Writes a file with this content and mode, whatever the umask is.
///
/// # Errors
/// Code 111.
pub fn write(file: &[u8], content: &[u8], mode: u32) -> Result<(), Fatal> {
    files::write_file(CWD, file, content, Permissions::Exact(mode)).or_unable_to("write", file)
}

/// Makes a directory with this mode, whatever the umask is.
///
/// # Errors
/// Code 111.
pub fn make_dir(dir: &[u8], mode: u32) -> Result<(), Fatal> {
    files::make_dir(CWD, dir, mode).or_unable_to("mkdir", dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_path() {
        let message = |done: Result<(), Fatal>| done.unwrap_err().message().to_owned();
        let none = message(write(b"/none/f", b"", 0o644));
        assert_eq!(none, "unable to write /none/f: No such file or directory");
        assert_eq!(message(make_dir(b"/proc", 0o755)), "unable to mkdir /proc: File exists");
    }
}
