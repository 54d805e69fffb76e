//! Whether the release comes out the same in another folder.
//!
//! The sources are copied to a folder of another name and length, the standard library and the programs are built
//! there from nothing, and compared with those that were built here.  The tarballs are functions of these and of the
//! sources.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::arch::Arch;
use crate::build::{Place, Program, with_musl};
use crate::failure::Failure;
use crate::{musl, workspace};

/// What isn't a source, at the top of the workspace.
const LEFT_OUT: &[&str] = &[".git", "target"];

/// What was built elsewhere.
pub struct Again {
    program: Program,
    /// Where.
    _top: TempDir,
}

/// Builds the program elsewhere.
pub fn build(arch: &'static Arch) -> Result<Again, Failure> {
    let top = tempfile::Builder::new().prefix("elsewhere-").tempdir();
    let top = top.map_err(|e| Failure(format!("unable to make a temporary directory: {e}")))?;
    let place =
        Place { top: top.path().join("a-copy/of/the-sources"), target: top.path().join("built"), map: None };
    copy(&workspace::top(), &place.top, LEFT_OUT)?;
    let program = with_musl(&musl::find(arch)?, arch, &place)?;
    Ok(Again { program, _top: top })
}

/// Compares `program` with what was built elsewhere.
pub fn check(program: &Program, again: &Again) -> Result<(), Failure> {
    let again = &again.program;
    for (here, there) in [(&program.path, &again.path), (&program.setuid, &again.setuid)] {
        let read = |path: &Path| fs::read(path).map_err(Failure::unable("read", path));
        if let Some(at) = difference(&read(here)?, &read(there)?) {
            return Err(Failure(format!(
                "{} is not reproducible: built in another folder it differs from byte {at} on",
                workspace::shown(here)
            )));
        }
    }
    println!("{}: built in another folder it is the same", workspace::shown(&program.path));
    Ok(())
}

/// Copies what is below `from`, but for `left_out`.
fn copy(from: &Path, to: &Path, left_out: &[&str]) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(Failure::unable("create", to))?;
    let unable = Failure::unable("copy", from);
    for entry in fs::read_dir(from).map_err(&unable)? {
        let entry = entry.map_err(&unable)?;
        if left_out.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(&unable)?;
        if kind.is_dir() {
            copy(&from, &to, &["target"])?;
        } else if kind.is_symlink() {
            fs::read_link(&from).and_then(|target| symlink(target, &to)).map_err(&unable)?;
        } else {
            fs::copy(&from, &to).map_err(Failure::unable("copy", &from))?;
        }
    }
    Ok(())
}

/// Where two files begin to differ.
fn difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    (a.len() != b.len() || same < a.len()).then_some(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_found() {
        assert_eq!(difference(b"abc", b"abc"), None);
        assert_eq!(difference(b"abc", b"abx"), Some(2));
        assert_eq!(difference(b"abc", b"ab"), Some(2));
        assert_eq!(difference(b"", b""), None);
    }

    #[test]
    fn a_copy_has_links_and_modes_and_nothing_that_was_built() {
        let top = tempfile::tempdir().unwrap();
        let (from, to) = (top.path().join("from"), top.path().join("deep/to"));
        fs::create_dir_all(from.join("fuzz/target")).unwrap();
        fs::create_dir_all(from.join(".git")).unwrap();
        fs::write(from.join("fuzz/x"), "x").unwrap();
        symlink("nowhere", from.join("link")).unwrap();
        copy(&from, &to, LEFT_OUT).unwrap();
        assert_eq!(fs::read(to.join("fuzz/x")).unwrap(), b"x");
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("nowhere"));
        assert!(!to.join(".git").exists() && !to.join("fuzz/target").exists());
    }
}
