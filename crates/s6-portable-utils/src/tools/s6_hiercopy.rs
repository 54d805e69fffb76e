//! `s6-hiercopy`: copies a directory tree into another, which is made if it doesn't exist.
//!
//! Permissions are kept, for the superuser owners too.  What exists at the destination is merged with, file by file.

use files::{Owners, copy_tree, names_at};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Stat, Uid};
use rustix::io::Errno;
use sys::fs::{chownat, lstat};
use tool::path::join;
use tool::{Call, Fatal, Next, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-hiercopy",
    summary: "copy a directory tree",
    operands: "source destination",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let (source, destination) = (call.shift()?, call.shift()?);
    rustix::process::umask(Mode::empty());
    let root = rustix::process::geteuid().is_root();
    let mut copy = Copy { root, origin: None };
    copy.node(&source, &destination)
        .map_err(|(path, e)| Fatal::unable(format_args!("copy {}", diag::show(&path)), e))?;
    Ok(Next::SUCCESS)
}

/// What could not be copied, and why.
type Failed = (Vec<u8>, Errno);

struct Copy {
    root: bool,
    /// The first directory that is written to: it isn't copied into itself.
    origin: Option<(u64, u64)>,
}

impl Copy {
    fn node(&mut self, from: &[u8], to: &[u8]) -> Result<(), Failed> {
        let failed = |e| (from.to_vec(), e);
        let st = lstat(from).map_err(failed)?;
        // What is there must go first, and it mustn't be the source.
        if lstat(to).is_ok_and(|there| (there.st_dev, there.st_ino) == (st.st_dev, st.st_ino)) {
            return Err(failed(Errno::INVAL));
        }
        let kind = FileType::from_raw_mode(st.st_mode);
        if kind.is_dir() {
            self.directory(from, to, &st)?;
        } else {
            Self::file(from, to).map_err(failed)?;
        }
        self.ownership(to, &st).map_err(|e| (to.to_vec(), e))
    }

    fn directory(&mut self, from: &[u8], to: &[u8], st: &Stat) -> Result<(), Failed> {
        if self.origin == Some((st.st_dev, st.st_ino)) {
            return Err((from.to_vec(), Errno::INVAL));
        }
        let names = names_at(CWD, from).map_err(|e| (from.to_vec(), e))?;
        match sys::fs::mkdir(to, Mode::from_raw_mode(0o700)) {
            Err(Errno::EXIST) if is_directory(to) => {}
            made => made.map_err(|e| (to.to_vec(), e))?,
        }
        if self.origin.is_none() {
            self.origin = lstat(to).ok().map(|st| (st.st_dev, st.st_ino));
        }
        for name in names {
            self.node(&join(from, &name), &join(to, &name))?;
        }
        Ok(())
    }

    fn file(from: &[u8], to: &[u8]) -> Result<(), Errno> {
        match sys::fs::unlink(to) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e),
        }
        copy_tree(CWD, from, CWD, to, Owners::Caller)
    }

    /// Owner first: a change of owner takes the set-id bits away.
    fn ownership(&self, to: &[u8], st: &Stat) -> Result<(), Errno> {
        if self.root {
            let (uid, gid) = (Uid::from_raw(st.st_uid), Gid::from_raw(st.st_gid));
            chownat(CWD, to, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if FileType::from_raw_mode(st.st_mode) == FileType::Symlink {
            return Ok(());
        }
        sys::fs::chmod(to, Mode::from_raw_mode(st.st_mode & 0o7777))
    }
}

fn is_directory(path: &[u8]) -> bool {
    sys::fs::stat(path).is_ok_and(|st| FileType::from_raw_mode(st.st_mode).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn trees_arrive() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::create_dir_all(from.join("d/e")).unwrap();
        std::fs::create_dir_all(to.join("d")).unwrap();
        std::fs::write(from.join("d/f"), "new").unwrap();
        std::fs::write(to.join("d/f"), "old").unwrap();
        std::fs::write(to.join("d/g"), "kept").unwrap();
        std::fs::set_permissions(from.join("d/f"), PermissionsExt::from_mode(0o4750)).unwrap();
        std::os::unix::fs::symlink("nowhere", from.join("l")).unwrap();
        let mut copy = Copy { root: false, origin: None };
        copy.node(from.as_os_str().as_bytes(), to.as_os_str().as_bytes()).unwrap();
        assert_eq!(std::fs::read_to_string(to.join("d/f")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(to.join("d/g")).unwrap(), "kept");
        assert_eq!(std::fs::metadata(to.join("d/f")).unwrap().permissions().mode() & 0o7777, 0o4750);
        assert_eq!(std::fs::read_link(to.join("l")).unwrap(), std::path::Path::new("nowhere"));
        assert!(to.join("d/e").is_dir());
    }

    #[test]
    fn a_tree_in_itself_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().as_os_str().as_bytes();
        let inside = join(path, b"in");
        std::fs::create_dir(dir.path().join("in")).unwrap();
        let mut copy = Copy { root: false, origin: None };
        assert_eq!(copy.node(path, &inside).unwrap_err().1, Errno::INVAL);
    }
}
