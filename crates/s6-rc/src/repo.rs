//! Repositories: which services of several stores go into a database, and which start at boot.
//!
//! | name | what |
//! |---|---|
//! | `stores` | the source directories, one a line; of two definitions with one name, the later store's counts |
//! | `reference` | a link to the database of all services, `reference:…` beside it |
//! | `sets/NAME` | a set: a line `SERVICE/PRESCRIPTION` for each atomic service, sorted |
//! | `compiled/NAME` | a link to the set's database, `NAME:…` beside it |
//! | `committed/NAME` | the set and the reference that this database was made from |
//! | `lock` | locked, flock(2) |
//!
//! Files are replaced as a whole, so a reader sees the old contents or the new.

use crate::compile::{compile, print_report};
use crate::database::Database;
use crate::folder::{READABLE, TEXT_LIMIT, with_umask};
use crate::live::{Lock, load, take_lock};
use crate::service_set::{Prescription, Set, check_set_name, default_set, parse_set, print_set};
use files::{
    Kind, Permissions, Replace, Writers, create, entries, follow, names_at, open_dir, read_file, remove_tree,
    replace_at, replace_link, same_tree, unique_name, version_name,
};
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use tool::path::join;
use tool::sorted::Map;
use tool::{Fatal, OrUnable, diag::show};

/// An open repository.
#[derive(Debug)]
pub(crate) struct Repo {
    pub(crate) path: Vec<u8>,
    _lock: Option<OwnedFd>,
}

/// The services of `stores` and the directory of each; later stores override earlier ones.
fn merge(program: &str, verbosity: u32, stores: &[Vec<u8>]) -> Result<Map<Vec<u8>, Vec<u8>>, Fatal> {
    let mut found: Map<Vec<u8>, Vec<u8>> = Map::new();
    for store in stores {
        let dir = open_dir(CWD, store).or_unable_to("open", store)?;
        for entry in entries(&dir).or_unable_to("read", store)? {
            if entry.name.starts_with(b".") || follow(&dir, &entry.name) != Kind::Directory {
                continue;
            }
            let path = join(store, &entry.name);
            if let Some(before) = found.set(entry.name, path.clone())
                && verbosity >= 1
            {
                tool::diag::warn(program, format_args!("{} overrides {}", show(&path), show(&before)));
            }
        }
    }
    Ok(found)
}

impl Repo {
    /// Opens and locks a repository; waits while another process has the lock.
    ///
    /// # Errors
    /// There is none, or it can't be locked: code 111.
    pub(crate) fn open(path: &[u8], lock: Lock) -> Result<Self, Fatal> {
        Ok(Self { path: path.to_vec(), _lock: take_lock(&join(path, b"lock"), lock, true)? })
    }

    /// Fills a new directory with an empty repository.
    ///
    /// # Errors
    /// Code 111.
    pub(crate) fn make(path: &[u8], stores: &[Vec<u8>]) -> Result<Self, Fatal> {
        let dir = open_dir(CWD, path).or_unable_to("make", path)?;
        for name in ["sets", "compiled", "committed"] {
            sys::fs::mkdirat(&dir, name, Mode::from_raw_mode(0o755)).or_unable_to("make", path)?;
        }
        create(&dir, b"lock", b"", Permissions::LessUmask(0o600)).or_unable_to("make", path)?;
        let repo = Self::open(path, Lock::Exclusive)?;
        repo.set_stores(stores)?;
        Ok(repo)
    }

    fn at(&self, parts: &[&[u8]]) -> Vec<u8> {
        parts.iter().fold(self.path.clone(), |path, part| join(&path, part))
    }

    fn replace(&self, path: &[u8], text: &[u8]) -> Result<(), Fatal> {
        let how = Replace::with(Permissions::Exact(0o644), Writers::Many);
        replace_at(CWD, path, text, how).or_unable_to("write", path)
    }

    pub(crate) fn stores(&self) -> Result<Vec<Vec<u8>>, Fatal> {
        let path = self.at(&[b"stores"]);
        let text = read_file(CWD, &path, TEXT_LIMIT).or_unable_to("read", &path)?;
        Ok(text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect())
    }

    pub(crate) fn set_stores(&self, stores: &[Vec<u8>]) -> Result<(), Fatal> {
        let text: Vec<u8> = stores.iter().flat_map(|s| [s.as_slice(), b"\n"].concat()).collect();
        self.replace(&self.at(&[b"stores"]), &text)
    }

    /// The database of all services.
    pub(crate) fn reference(&self) -> Result<Database, Fatal> {
        load(&self.at(&[b"reference"]))
    }

    /// The names of all sets, sorted.
    pub(crate) fn sets(&self) -> Result<Vec<Vec<u8>>, Fatal> {
        let path = self.at(&[b"sets"]);
        let mut names = names_at(CWD, &path).or_unable_to("read", &path)?;
        names.retain(|name| !name.starts_with(b"."));
        Ok(names)
    }

    /// A set.
    ///
    /// # Errors
    /// Code 3 if there is none of that name, 102 if it is damaged.
    pub(crate) fn set(&self, name: &[u8]) -> Result<Set, Fatal> {
        check_set_name(name)?;
        let path = self.at(&[b"sets", name]);
        let text = match read_file(CWD, &path, TEXT_LIMIT) {
            Err(Errno::NOENT) => {
                // Without the repository, it is the system that failed.
                sys::fs::stat(self.at(&[b"sets"])).or_unable_to("read", &path)?;
                return Err(Fatal::new(3, format_args!("there is no set {}", show(name))));
            }
            done => done.or_unable_to("read", &path)?,
        };
        parse_set(&text).ok_or_else(|| Fatal::new(102, format_args!("damaged set: {}", show(&path))))
    }

    pub(crate) fn write_set(&self, name: &[u8], set: &Set) -> Result<(), Fatal> {
        self.replace(&self.at(&[b"sets", name]), &print_set(set))
    }

    /// Removes a set and its database.
    pub(crate) fn delete(&self, name: &[u8]) -> Result<(), Fatal> {
        sys::fs::unlink(self.at(&[b"sets", name])).or_unable_to("delete set", name)?;
        let link = self.at(&[b"compiled", name]);
        if let Ok(target) = sys::fs::readlink(&link, Vec::new()) {
            sys::fs::unlink(&link).or_unable_to("delete set", name)?;
            remove_tree(CWD, &self.at(&[b"compiled", target.as_bytes()])).or_unable_to("delete set", name)?;
        }
        remove_tree(CWD, &self.at(&[b"committed", name])).or_unable_to("delete set", name)
    }

    /// Compiles services, each from its own directory, into a new directory beside `link_path`, which
    /// becomes a link to it.  Returns the link's former target.
    ///
    /// # Errors
    /// Code 1 if the services are inconsistent.
    fn compile_to(
        &self,
        program: &str,
        verbosity: u32,
        services: &Map<Vec<u8>, Vec<u8>>,
        bundle: Option<(&[u8], Vec<&[u8]>)>,
        link_path: &[u8],
    ) -> Result<Option<Vec<u8>>, Fatal> {
        let sources = self.at(&[&unique_name(b"sources")]);
        let made = with_umask(|| gather(&sources, services, bundle));
        let (dir, name) = tool::path::split(link_path);
        let database = version_name(name, "db");
        let compiled = made.and_then(|()| compile(&join(dir, &database), std::slice::from_ref(&sources)));
        let _ = remove_tree(CWD, &sources);
        let mut report = compiled?;
        for finding in &mut report.diagnostics {
            // Name the file in its store, not its link among the sources.
            let rest = finding.file.strip_prefix(sources.as_slice()).and_then(|r| r.strip_prefix(b"/"));
            let mut parts = rest.unwrap_or_default().splitn(2, |b| *b == b'/');
            if let Some(real) = parts.next().and_then(|service| services.get(service)) {
                finding.file = join(real, parts.next().unwrap_or_default());
            }
        }
        print_report(program, verbosity, &report.diagnostics);
        if report.database.is_none() {
            return Err(Fatal::new(1, "the services don't make a consistent database"));
        }
        let dir = open_dir(CWD, dir).or_unable_to("symlink", link_path)?;
        let before = sys::fs::readlinkat(&dir, name, Vec::new()).ok().map(|t| t.into_bytes());
        replace_link(&dir, &database, name).or_unable_to("symlink", link_path)?;
        Ok(before)
    }

    /// Compiles the reference from the stores again, and brings all sets in line with it.
    ///
    /// # Errors
    /// Code 1 if the stores are inconsistent; then nothing has changed.
    pub(crate) fn sync(&self, program: &str, verbosity: u32) -> Result<(), Fatal> {
        let services = merge(program, verbosity, &self.stores()?)?;
        let before = self.compile_to(program, verbosity, &services, None, &self.at(&[b"reference"]))?;
        if let Some(old) = before {
            self.drop_one_reference(&old)?;
        }
        let fresh = default_set(&self.reference()?);
        for name in self.sets()? {
            let old = self.set(&name)?;
            let new: Set =
                fresh.iter().map(|(service, p)| (service.clone(), *old.get(service).unwrap_or(p))).collect();
            if new != old {
                self.write_set(&name, &new)?;
            }
        }
        Ok(())
    }

    /// Removes the former reference; if the new one is the same, removes that instead, so that what was
    /// made from the former one stays up to date.
    fn drop_one_reference(&self, old: &[u8]) -> Result<(), Fatal> {
        let dir = open_dir(CWD, &self.path).or_unable_to("change the reference of", &self.path)?;
        let new = sys::fs::readlinkat(&dir, "reference", Vec::new())
            .or_unable_to("change the reference of", &self.path)?;
        if !same_tree(&dir, old, new.as_bytes()).unwrap_or(false) {
            return remove_tree(&dir, old).or_unable_to("change the reference of", &self.path);
        }
        replace_link(&dir, old, b"reference")
            .and_then(|()| remove_tree(&dir, new.as_bytes()))
            .or_unable_to("change the reference of", &self.path)
    }

    /// What a commit of this set is made from: the set, and the name of the reference.
    fn identity(&self, set: &Set) -> Result<Vec<u8>, Fatal> {
        let reference = self.at(&[b"reference"]);
        let target = sys::fs::readlink(&reference, Vec::new()).or_unable_to("readlink", &reference)?;
        Ok([print_set(set).as_slice(), b"# ", target.as_bytes(), b"\n"].concat())
    }

    /// Whether the set's database was made from the set as it is now.
    pub(crate) fn is_committed(&self, name: &[u8]) -> Result<bool, Fatal> {
        let wanted = self.identity(&self.set(name)?)?;
        Ok(read_file(CWD, &self.at(&[b"committed", name]), TEXT_LIMIT).is_ok_and(|have| have == wanted))
    }

    /// Where the link to a set's database leads.
    pub(crate) fn compiled(&self, name: &[u8]) -> Result<Vec<u8>, Fatal> {
        let link = self.at(&[b"compiled", name]);
        let target = sys::fs::readlink(&link, Vec::new()).or_unable_to("readlink", &link)?;
        Ok(self.at(&[b"compiled", target.as_bytes()]))
    }

    /// Makes the database of a set, with a bundle of what starts at boot; returns the former
    /// database's directory.
    ///
    /// # Errors
    /// Code 1 if the set is inconsistent.
    pub(crate) fn commit(
        &self,
        program: &str,
        verbosity: u32,
        name: &[u8],
        default_bundle: &[u8],
    ) -> Result<Option<Vec<u8>>, Fatal> {
        let set = self.set(name)?;
        let reference = self.reference()?;
        let masked = |service: &[u8]| set.get(service) == Some(&Prescription::Masked);
        let mut services = merge(program, verbosity, &self.stores()?)?;
        services.retain(|service, _| {
            let atomics = reference.atomics(service);
            atomics.is_some_and(|all| !all.iter().any(|id| masked(reference.name(*id))))
        });
        let started =
            set.iter().filter(|(_, p)| **p >= Prescription::Active).map(|(s, _)| s.as_slice()).collect();
        if services.contains(default_bundle) {
            return Err(Fatal::new(1, format_args!("{} is a service of the set", show(default_bundle))));
        }
        let link = self.at(&[b"compiled", name]);
        let old = self.compile_to(program, verbosity, &services, Some((default_bundle, started)), &link)?;
        self.replace(&self.at(&[b"committed", name]), &self.identity(&set)?)?;
        Ok(old.map(|o| self.at(&[b"compiled", &o])))
    }
}

/// Makes a source directory of links to services, and one bundle.
fn gather(
    sources: &[u8],
    services: &Map<Vec<u8>, Vec<u8>>,
    bundle: Option<(&[u8], Vec<&[u8]>)>,
) -> Result<(), Fatal> {
    sys::fs::mkdir(sources, Mode::from_raw_mode(0o755)).or_unable_to("make", sources)?;
    for (name, path) in services.iter() {
        sys::fs::symlink(path, join(sources, name)).or_unable_to("make", sources)?;
    }
    let Some((name, contents)) = bundle else { return Ok(()) };
    let dir = join(sources, name);
    sys::fs::mkdir(&dir, Mode::from_raw_mode(0o755)).or_unable_to("make", sources)?;
    create(CWD, &join(&dir, b"type"), b"bundle\n", READABLE).or_unable_to("make", sources)?;
    let list = join(&dir, b"contents.d");
    sys::fs::mkdir(&list, Mode::from_raw_mode(0o755)).or_unable_to("make", sources)?;
    contents
        .iter()
        .try_for_each(|c| create(CWD, &join(&list, c), b"", READABLE))
        .or_unable_to("make", sources)
}
