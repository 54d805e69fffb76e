//! `s6-rc-repo-init`: makes a repository of stores, or gives one other stores.
//!
//! Exit codes: 0 done, 1 the stores are inconsistent, 100 wrong usage, 111 a system call failed.

use crate::common_options::{
    FDHOLDER_USER, REPOSITORY_DIR, REPOSITORY_VERBOSITY, check_absolute, repository_dir, verbosity,
};
use crate::folder::with_umask;
use crate::live::Lock;
use crate::repo::Repo;
use files::{Unfinished, open_dir, remove_tree};
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use tool::path::{join, split};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-repo-init",
    summary: "make a repository of service definitions",
    operands: "stores...",
    options: &[
        Opt::flag('f', "replace an existing repository").long("force"),
        Opt::flag('U', "change the stores of an existing repository").long("update-stores"),
        Opt::flag('B', "don't compile the stores yet").long("bare"),
        FDHOLDER_USER,
        REPOSITORY_VERBOSITY,
        REPOSITORY_DIR,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    let path = repository_dir(&options).to_vec();
    let stores = call.take_args();
    if stores.is_empty() {
        return Err(Fatal::usage());
    }
    for store in &stores {
        check_absolute(store)?;
        if store.contains(&b'\n') {
            return Err(Fatal::user("the path of a store can't contain a newline"));
        }
        open_dir(CWD, store).or_unable_to("open", store)?;
    }
    if options.has('U') {
        update_stores(&path, &stores, verbosity, options.has('B'))?;
    } else {
        make(&path, &stores, verbosity, options.has('B'), options.has('f'))?;
    }
    Ok(Next::SUCCESS)
}

fn update_stores(path: &[u8], stores: &[Vec<u8>], verbosity: u32, bare: bool) -> Result<(), Fatal> {
    let repo = Repo::open(path, Lock::Exclusive)?;
    let before = repo.stores()?;
    repo.set_stores(stores)?;
    if bare {
        return Ok(());
    }
    // Inconsistent stores are not kept.
    repo.sync(TOOL.name, verbosity).or_else(|fatal| {
        repo.set_stores(&before)?;
        Err(fatal)
    })
}

/// Makes the repository under another name, and renames it when it is complete: until then an old one stays as it is.
fn make(path: &[u8], stores: &[Vec<u8>], verbosity: u32, bare: bool, force: bool) -> Result<(), Fatal> {
    let (parent, name) = split(path);
    let unable = || format!("make {}", show(path));
    with_umask(|| std::fs::create_dir_all(OsStr::from_bytes(parent))).or_unable_to("mkdir", parent)?;
    let dir = open_dir(CWD, parent).or_unable(unable)?;
    let exists = sys::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    if exists && !force {
        return Err(Fatal::unable(unable(), Errno::EXIST));
    }
    let made = Unfinished::make(dir.as_fd(), name).or_unable(unable)?;
    let fresh = join(parent, made.path());
    with_umask(|| {
        let repo = Repo::make(&fresh, stores)?;
        if bare { Ok(()) } else { repo.sync(TOOL.name, verbosity) }
    })?;
    if !exists {
        return made.finish(0o755).or_unable(unable);
    }
    match made.finish_over(0o755).or_unable(unable)? {
        Some(old) => remove_tree(&dir, &old).or_unable_to("remove", path),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_parents_are_made() {
        let tmp = tempfile::tempdir().unwrap();
        let at = |name: &str| tmp.path().join(name).as_os_str().as_bytes().to_vec();
        std::fs::create_dir(tmp.path().join("store")).unwrap();
        make(&at("a/b/repo"), &[at("store")], 0, true, false).unwrap();
        assert_eq!(files::names_at(CWD, &at("a/b")).unwrap(), [b"repo".to_vec()]);
        std::fs::write(tmp.path().join("file"), "").unwrap();
        assert_eq!(make(&at("file/repo"), &[at("store")], 0, true, false).unwrap_err().code(), 111);
    }

    #[test]
    fn a_failure_leaves_the_old_repository_whole() {
        let tmp = tempfile::tempdir().unwrap();
        let at = |name: &str| tmp.path().join(name).as_os_str().as_bytes().to_vec();
        let write = |name: &str, text: &str| std::fs::write(tmp.path().join(name), text).unwrap();
        let (repo, stores) = (at("repo"), [at("store")]);
        std::fs::create_dir_all(tmp.path().join("store/a")).unwrap();
        write("store/a/type", "longrun\n");
        write("store/a/run", "#!/bin/true\n");
        make(&repo, &stores, 0, false, false).unwrap();
        assert_eq!(make(&repo, &stores, 0, false, false).unwrap_err().code(), 111, "it exists");
        let reference = || sys::fs::readlink(at("repo/reference"), Vec::new()).unwrap();
        let before = reference();
        write("store/a/type", "nonsense\n");
        assert_eq!(
            make(&repo, &stores, 0, false, true).unwrap_err().code(),
            1,
            "the stores are inconsistent"
        );
        assert_eq!(reference(), before);
        let open = Repo::open(&repo, Lock::Exclusive).unwrap();
        assert_eq!(open.reference().unwrap().services().iter().filter(|s| !s.is_internal()).count(), 1);
        write("store/a/type", "longrun\n");
        make(&repo, &stores, 0, false, true).unwrap();
        assert_ne!(reference(), before);
        assert_eq!(files::names_at(CWD, &at(".")).unwrap(), [b"repo".to_vec(), b"store".to_vec()]);
    }
}
