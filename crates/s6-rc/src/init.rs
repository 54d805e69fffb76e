//! Making the live state from a compiled database: everything down, the longruns supervised.

use crate::compile::ServiceDir;
use crate::database::{Database, Service};
use crate::folder::{READABLE, with_umask};
use crate::live::{Live, Lock, load, take_lock};
use files::{
    Kind, Owners, Permissions, copy_tree, create, entries, for_each_kind, open_dir, read_file, remove_tree,
    replace_link, version_name,
};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Access, AtFlags, CWD, FlockOperation, Mode};
use rustix::io::Errno;
use std::rc::Rc;
use std::time::Duration;
use supervision::asking::Asking;
use supervision::control::{self, REFUSED, SVSCAN, Undelivered};
use tool::clock::{self, Moment};
use tool::path::{join, split};
use tool::{Fatal, OrUnable, diag::show};
use wire::control::ScanCommand;

/// What to make the live state of.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// The directory that a host supervises; absolute.
    pub scandir: Vec<u8>,
    /// The compiled database; absolute.
    pub compiled: Vec<u8>,
    /// Where the live state is to be; absolute.
    pub live: Vec<u8>,
    /// What stands before a longrun's name in the scan directory.
    pub prefix: Vec<u8>,
    /// How long to wait for the supervisors.
    pub timeout: Option<Duration>,
    /// Wait while another process makes a live state on the same scan directory, instead of failing.
    pub block: bool,
}

/// The outcome.
#[derive(Debug)]
pub enum Initialized {
    /// The live state is new.
    New(Live),
    /// There was one already for the same database, with supervisors.
    Running(Vec<u8>),
    /// There was one already whose link was missing.
    Recovered(Vec<u8>),
}

/// The purposes in the names of live directories.
pub(crate) const PURPOSES: [&str; 2] = ["s6-rc-init", "s6-rc-update"];

/// A database that this process has compiled just now, so that it needn't be read.
#[derive(Debug)]
pub struct Compiled {
    /// The database.
    pub database: Rc<Database>,
    /// What is in its service directories.
    pub servicedirs: Vec<ServiceDir>,
}

/// Makes the live state, and waits until all longruns are supervised.  `compiled`: what the database is known to hold;
/// `interrupt`: give up when this can be read.
///
/// The live state is locked from its creation on, so other processes see it only when it is complete.
///
/// # Errors
/// Code 100 if no host runs on the scan directory, 102 if there is a live state already for something else, 4 if the
/// database is damaged, 111 for everything else.
pub fn init(
    options: &LiveOptions,
    compiled: Option<Compiled>,
    interrupt: Option<BorrowedFd<'_>>,
) -> Result<Initialized, Fatal> {
    let deadline = options.timeout.map(|limit| clock::now() + limit);
    check_scandir(&options.scandir)?;
    let _turn = lock_scandir(&options.scandir, options.block)?;
    let (parent, name) = split(&options.live);
    let parent_fd = open_dir(CWD, parent).or_unable_to("open", parent)?;
    let (is_there, stale) = match find_existing(options, &parent_fd, parent, name)? {
        Existing::Alive(alive) => return Ok(alive),
        Existing::Nothing => (false, None),
        Existing::Dead(stale) => (true, stale),
    };
    let Compiled { database, servicedirs } = match compiled {
        Some(compiled) => compiled,
        None => Compiled { database: Rc::new(load(&options.compiled)?), servicedirs: Vec::new() },
    };
    let is_supervised = |s: &&Service| s.is_longrun() && !s.is_internal();
    let services = (0..).zip(database.services()).filter(|(_, s)| is_supervised(s));
    let known = services.map(|(id, s): (usize, _)| (s.name.as_slice(), servicedirs.get(id)));
    let longruns: Vec<Vec<u8>> = known.clone().map(|(name, _)| name.to_vec()).collect();
    let state = vec![0; database.len()];
    let directory = with_umask(|| make(options, PURPOSES[0], &state))?;
    let path = join(parent, &directory);
    let done = take_lock(&join(&path, b"lock"), Lock::Exclusive, false).and_then(|lock| {
        with_umask(|| fill(options, &path, known))?;
        // If there was nothing before, a link that exists now was made by another process.
        let linked = match is_there {
            true => replace_link(&parent_fd, &directory, name),
            false => sys::fs::symlinkat(directory.as_slice(), &parent_fd, name),
        };
        linked.or_unable_to("symlink", &options.live)?;
        supervise(&options.scandir, &path, &options.prefix, &longruns, deadline, interrupt).inspect_err(
            |_| {
                let _ = sys::fs::unlinkat(&parent_fd, name, AtFlags::empty());
            },
        )?;
        Ok(lock)
    });
    let lock = done.inspect_err(|_| {
        unlink_all(&options.scandir, &path, &options.prefix, &longruns);
        let _ = remove_tree(&parent_fd, &directory);
    })?;
    if let Some(old) = stale {
        let _ = remove_tree(&parent_fd, &old);
    }
    Live::open_locked(&options.live, lock, database).map(Initialized::New)
}

/// What there is already where the live state is to be.
enum Existing {
    /// A live state with supervisors.
    Alive(Initialized),
    /// Nothing.
    Nothing,
    /// A link to something without supervisors: the live directory to remove, if it is one.
    Dead(Option<Vec<u8>>),
}

/// Looks for a live state that is there already, and links it again if only its link is missing.
fn find_existing(
    options: &LiveOptions,
    parent_fd: &OwnedFd,
    parent: &[u8],
    name: &[u8],
) -> Result<Existing, Fatal> {
    match sys::fs::readlinkat(parent_fd, name, Vec::new()) {
        Ok(target) => {
            let existing = join(parent, target.as_bytes());
            if is_alive(&existing, options)? {
                return Ok(Existing::Alive(Initialized::Running(existing)));
            }
            Ok(Existing::Dead(Some(target.into_bytes()).filter(|t| is_live_name(t, name))))
        }
        Err(Errno::NOENT) => {
            for entry in entries(parent_fd).or_unable_to("read", parent)? {
                let existing = join(parent, &entry.name);
                if entry.kind == Kind::Directory
                    && is_live_name(&entry.name, name)
                    && is_alive(&existing, options)?
                {
                    replace_link(parent_fd, &entry.name, name).or_unable_to("symlink", &options.live)?;
                    return Ok(Existing::Alive(Initialized::Recovered(existing)));
                }
            }
            Ok(Existing::Nothing)
        }
        Err(Errno::INVAL) => Err(Fatal::new(
            111,
            format_args!("{} exists and is not a link to a live state", show(&options.live)),
        )),
        Err(e) => Err(Fatal::unable(format_args!("make {}", show(&options.live)), e)),
    }
}

/// Locks the scan directory against other calls, until the descriptor is closed.
fn lock_scandir(scandir: &[u8], block: bool) -> Result<OwnedFd, Fatal> {
    let path = join(scandir, SVSCAN);
    let unable = || format!("take lock {}", show(&path));
    let fd = open_dir(CWD, &path).or_unable(unable)?;
    let operation =
        if block { FlockOperation::LockExclusive } else { FlockOperation::NonBlockingLockExclusive };
    match rustix::io::retry_on_intr(|| rustix::fs::flock(&fd, operation)) {
        Ok(()) => Ok(fd),
        Err(Errno::WOULDBLOCK) => Err(Fatal::new(
            111,
            format_args!("another process is making a live state on {} (-b waits for it)", show(scandir)),
        )),
        Err(e) => Err(Fatal::unable(unable(), e)),
    }
}

fn check_scandir(scandir: &[u8]) -> Result<(), Fatal> {
    control::send_to_host(scandir, &[]).map_err(|e| match e {
        Undelivered::NobodyListens => {
            Fatal::new(100, format_args!("s6-svscan is not running on {}", show(scandir)))
        }
        Undelivered::NotThere => {
            Fatal::new(111, format_args!("{} has no control directory of a scan directory", show(scandir)))
        }
        Undelivered::Failed(e) => Fatal::unable(format_args!("check {}", show(scandir)), e),
    })
}

/// Whether `file` is a name that a live directory for the link `name` can have.
fn is_live_name(file: &[u8], name: &[u8]) -> bool {
    let rest = file.strip_prefix(name).and_then(|r| r.strip_prefix(b":"));
    rest.is_some_and(|r| PURPOSES.iter().any(|p| r.starts_with(p.as_bytes())))
}

/// Whether supervisors run on an existing live directory.
///
/// # Errors
/// Code 102 if they do, and it was made with other options.
fn is_alive(existing: &[u8], options: &LiveOptions) -> Result<bool, Fatal> {
    let servicedirs = join(existing, b"servicedirs");
    let Ok(dir) = open_dir(CWD, &servicedirs) else { return Ok(false) };
    let found = entries(&dir).or_unable_to("read", &servicedirs)?;
    let supervised = |name: &[u8]| control::is_supervised(&join(&servicedirs, name)).unwrap_or(false);
    if !found.iter().any(|e| supervised(&e.name)) {
        return Ok(false);
    }
    let target = |link: &[u8]| sys::fs::readlink(join(existing, link), Vec::new()).map(|t| t.into_bytes());
    let differs = |what: &str, own: &[u8], wanted: &[u8]| {
        let text = format!("{} has {what} {}, not {}", show(existing), show(own), show(wanted));
        Err(Fatal::new(102, format_args!("there is a live state already: {text}")))
    };
    let scandir = target(b"scandir").unwrap_or_default();
    if scandir != options.scandir {
        return differs("the scan directory", &scandir, &options.scandir);
    }
    let prefix = read_file(CWD, &join(existing, b"prefix"), 4096).unwrap_or_default();
    if prefix != options.prefix {
        return differs("the prefix", &prefix, &options.prefix);
    }
    let compiled = target(b"compiled").unwrap_or_default();
    if compiled != options.compiled {
        return differs("the database", &compiled, &options.compiled);
    }
    Ok(true)
}

/// Makes a live directory without service directories beside the link; its name.
pub(crate) fn make(options: &LiveOptions, purpose: &str, state: &[u8]) -> Result<Vec<u8>, Fatal> {
    let (parent, name) = split(&options.live);
    let unable = |what: &[u8]| format!("make {}", show(&join(parent, what)));
    let parent_fd = open_dir(CWD, parent).or_unable_to("open", parent)?;
    let directory = version_name(name, purpose);
    sys::fs::mkdirat(&parent_fd, &directory, Mode::from_raw_mode(0o755)).or_unable(|| unable(&directory))?;
    let dir = open_dir(parent_fd.as_fd(), &directory).or_unable(|| unable(&directory))?;
    let filled = sys::fs::symlinkat(&options.compiled, &dir, "compiled")
        .and_then(|()| sys::fs::symlinkat(&options.scandir, &dir, "scandir"))
        .and_then(|()| create(&dir, b"prefix", &options.prefix, READABLE))
        .and_then(|()| create(&dir, b"state", state, READABLE))
        .and_then(|()| create(&dir, b"lock", b"", Permissions::LessUmask(0o600)))
        .and_then(|()| sys::fs::mkdirat(&dir, "servicedirs", Mode::from_raw_mode(0o755)));
    if let Err(e) = filled {
        let _ = remove_tree(&parent_fd, &directory);
        return Err(Fatal::unable(unable(&directory), e));
    }
    Ok(directory)
}

/// Copies the service directories of these longruns into a live directory, all of them down.
fn fill<'a>(
    options: &LiveOptions,
    live: &[u8],
    longruns: impl Iterator<Item = (&'a [u8], Option<&'a ServiceDir>)>,
) -> Result<(), Fatal> {
    let from_path = join(&options.compiled, b"servicedirs");
    let to_path = join(live, b"servicedirs");
    let from = open_dir(CWD, &from_path).or_unable_to("open", &from_path)?;
    let to = open_dir(CWD, &to_path).or_unable_to("open", &to_path)?;
    for (name, known) in longruns {
        let copied = match known {
            Some(ServiceDir { files, has_trees: false }) => copy_files(from.as_fd(), to.as_fd(), name, files),
            _ => copy_servicedir(from.as_fd(), to.as_fd(), name),
        };
        copied
            .and_then(|()| create(&to, &join(name, b"down"), b"", READABLE))
            .or_unable(|| format!("copy {} to {}", show(&join(&from_path, name)), show(&to_path)))?;
    }
    Ok(())
}

/// Copies one service directory of a compiled database, of which these files are all.
fn copy_files(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &[u8], files: &[&str]) -> Result<(), Errno> {
    sys::fs::mkdirat(to, name, Mode::from_raw_mode(0o755))?;
    files.iter().try_for_each(|file| {
        let path = join(name, file.as_bytes());
        copy_part(from, &path, to, &path, true)
    })
}

/// Copies one service directory of a compiled database.
///
/// Its files never change there, so they are shared by hard links where the file system allows; `data`, `env` and
/// other directories are copied, because services write into them.
pub(crate) fn copy_servicedir(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let source = open_dir(from, name)?;
    match sys::fs::mkdirat(to, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e),
    }
    for_each_kind(source.as_fd(), &mut |entry, kind| {
        copy_part(source.as_fd(), entry, to, &join(name, entry), kind == Kind::File)
    })
}

fn copy_part(
    source: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    path: &[u8],
    may_link: bool,
) -> Result<(), Errno> {
    if may_link && sys::fs::linkat(source, name, to, path, AtFlags::empty()).is_ok() {
        return Ok(());
    }
    copy_tree(source, name, to, path, Owners::Kept)
}

/// Removes the links to the longruns of a live directory from the scan directory, and has its host scan it.
pub(crate) fn unlink_all(scandir: &[u8], live: &[u8], prefix: &[u8], longruns: &[Vec<u8>]) {
    for name in longruns {
        let file = join(scandir, &[prefix, name].concat());
        let target = sys::fs::readlink(&file, Vec::new());
        if target.is_ok_and(|t| t.as_bytes() == join(&join(live, b"servicedirs"), name)) {
            let _ = sys::fs::unlink(&file);
        }
    }
    let _ = control::send_to_host(scandir, &[ScanCommand::Scan, ScanCommand::Prune]);
}

/// Links service directories into the scan directory, and waits until each is supervised.
pub(crate) fn supervise(
    scandir: &[u8],
    live: &[u8],
    prefix: &[u8],
    longruns: &[Vec<u8>],
    deadline: Option<Moment>,
    interrupt: Option<BorrowedFd<'_>>,
) -> Result<(), Fatal> {
    let dir = open_dir(CWD, scandir).or_unable_to("open", scandir)?;
    let servicedirs = join(live, b"servicedirs");
    for name in longruns {
        let file = [prefix, name].concat();
        replace_link(&dir, &join(&servicedirs, name), &file)
            .or_unable(|| format!("symlink {}", show(&join(scandir, &file))))?;
    }
    if longruns.is_empty() {
        return Ok(());
    }
    control::send_to_host(scandir, &[ScanCommand::Scan]).map_err(|e| match e {
        Undelivered::NobodyListens | Undelivered::NotThere => {
            Fatal::new(100, format_args!("s6-svscan is not running on {}", show(scandir)))
        }
        Undelivered::Failed(e) => Fatal::unable(format_args!("control {}", show(scandir)), e),
    })?;
    longruns.iter().try_for_each(|name| await_supervisor(&join(&servicedirs, name), deadline, interrupt))
}

/// Waits until a supervisor runs on the directory, or the host refuses it: then a start of the service fails.  The host adopts all new directories in one scan, so that after the first few
/// waits the others are supervised already and cost one check.
///
/// # Errors
/// The deadline passed, `interrupt` became readable, or the events of the supervisor can't be subscribed to.
pub fn await_supervisor(
    servicedir: &[u8],
    deadline: Option<Moment>,
    interrupt: Option<BorrowedFd<'_>>,
) -> Result<(), Fatal> {
    let listens = || {
        control::send(servicedir, &[]).is_ok()
            || sys::fs::access(join(servicedir, REFUSED.as_bytes()), Access::EXISTS).is_ok()
    };
    if listens() {
        return Ok(());
    }
    let unable = || format!("wait for the supervisor of {}", show(servicedir));
    let event = join(servicedir, b"event");
    let group = rustix::process::getegid().as_raw();
    supervision::fifodir::make(&event, Some(group), false).or_unable(unable)?;
    let mut watch = supervision::watch::Watch::new().or_unable(unable)?;
    // Without events, or if one is lost, it is looked at now and then.
    let mut asking = Asking::new(clock::now(), watch.add(&event).is_ok());
    while !listens() {
        let until = deadline.into_iter().chain([asking.at()]).min();
        if let Some(fd) = interrupt {
            watch.wait_with(fd, until).or_unable(unable)?;
            if is_readable(fd) {
                return Err(Fatal::unable(unable(), Errno::INTR));
            }
        }
        if watch.next(until).or_unable(unable)?.is_none() {
            let now = clock::now();
            if deadline.is_some_and(|at| at <= now) {
                return Err(Fatal::unable(unable(), Errno::TIMEDOUT));
            }
            asking = asking.next(now);
        }
    }
    Ok(())
}

/// Whether a descriptor can be read at once.
pub(crate) fn is_readable(fd: BorrowedFd<'_>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|n| n > 0)
}
