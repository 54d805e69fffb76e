//! Folders of scripts that run one after another: cont-init.d and cont-finish.d.

use rustix::fs::CWD;
use rustix::io::Errno;

/// The names in a folder that don't begin with a dot, in byte order; none if there is no such folder.
///
/// # Errors
/// The folder exists and can't be read.
pub fn list(folder: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
    let mut names = match files::names_at(CWD, folder) {
        Err(Errno::NOENT) => return Ok(Vec::new()),
        names => names?,
    };
    names.retain(|name| !name.starts_with(b"."));
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
