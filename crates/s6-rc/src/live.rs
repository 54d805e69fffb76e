//! The live state: which database is current, and which of its services are up.
//!
//! `LIVE` is a link to the directory `LIVE:…` beside it.  In that directory:
//!
//! | name | what |
//! |---|---|
//! | `compiled` | a link to the compiled database |
//! | `scandir` | a link to the scan directory whose host supervises the longruns |
//! | `prefix` | what stands before a longrun's name in the scan directory |
//! | `servicedirs/NAME` | the longruns' service directories; each has a file `down` while it is down |
//! | `state` | one byte for each service, by number: bit 0 is set while it is up |
//! | `lock` | locked, flock(2): shared by readers, exclusive by writers |

use crate::database::{Database, Id};
use files::{read_at_most, read_file};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, inotify};
use rustix::io::Errno;
use std::rc::Rc;
use supervision::asking::Asking;
use tool::clock::{self, Moment};
use tool::path::join;
use tool::{Fatal, OrUnable, diag::show};

/// The largest database file that is read, in bytes.
const DATABASE_LIMIT: usize = 1 << 30;

/// How the lock is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Shared with other readers, for which a reader waits if it is asked to.  Without that it takes none: it shows what there
    /// is at the moment, also while a change goes on.  So does a reader that may not open the lock.
    Shared,
    /// Exclusive.
    Exclusive,
    /// None: the caller knows that no other process uses the live state.
    None,
}

/// Reads the compiled database in the directory `compiled`.
///
/// # Errors
/// Code 111 if it can't be read, 4 if it is damaged.
pub(crate) fn load(compiled: &[u8]) -> Result<Database, Fatal> {
    load_at(CWD, compiled, compiled)
}

/// The same relative to a directory; `shown` stands in messages.
fn load_at(dir: BorrowedFd<'_>, compiled: &[u8], shown: &[u8]) -> Result<Database, Fatal> {
    let shown = join(shown, b"db");
    let file = read_file(dir, &join(compiled, b"db"), DATABASE_LIMIT).or_unable_to("read", &shown)?;
    crate::format::decode(&file)
        .map_err(|damage| Fatal::new(4, format_args!("invalid service database {}: {damage}", show(&shown))))
}

/// The live state, open.
#[derive(Debug)]
pub struct Live {
    path: Vec<u8>,
    database: Rc<Database>,
    state: Vec<u8>,
    /// The file doesn't have all of the state.
    is_stale: bool,
    file: Option<OwnedFd>,
    lock: Option<OwnedFd>,
}

/// Takes a lock, flock(2); `None` if there is none to take.
///
/// # Errors
/// Code 111, also if another process has it and `block` isn't set.
pub(crate) fn take_lock(path: &[u8], kind: Lock, block: bool) -> Result<Option<OwnedFd>, Fatal> {
    let (flags, operation) = match (kind, block) {
        (Lock::None, _) => return Ok(None),
        (Lock::Shared, true) => (OFlags::RDONLY, FlockOperation::LockShared),
        (Lock::Shared, false) => (OFlags::RDONLY, FlockOperation::NonBlockingLockShared),
        (Lock::Exclusive, true) => (OFlags::RDWR, FlockOperation::LockExclusive),
        (Lock::Exclusive, false) => (OFlags::RDWR, FlockOperation::NonBlockingLockExclusive),
    };
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = match sys::fs::open(path, flags, Mode::empty()) {
        Err(Errno::ACCESS) if kind == Lock::Shared => return Ok(None),
        done => done.or_unable_to("take lock", path)?,
    };
    rustix::io::retry_on_intr(|| rustix::fs::flock(&fd, operation)).map_err(|e| match e {
        Errno::WOULDBLOCK => {
            Fatal::new(111, format_args!("unable to take lock {}: another command is using it", show(path)))
        }
        e => Fatal::unable(format_args!("take lock {}", show(path)), e),
    })?;
    Ok(Some(fd))
}

/// Whether the file is still the one that the path leads to.
fn is_still_at(fd: &OwnedFd, path: &[u8]) -> bool {
    match (sys::fs::fstat(fd), sys::fs::stat(path)) {
        (Ok(own), Ok(there)) => (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino),
        _ => true,
    }
}

impl Live {
    /// Opens the live state in `path`; with `block`, waits while other processes use it.
    ///
    /// # Errors
    /// Code 111 if it isn't there or is locked, 4 if it or its database is damaged.
    pub fn open(path: &[u8], lock: Lock, block: bool) -> Result<Self, Fatal> {
        if lock == Lock::Shared && !block {
            return Self::look(path);
        }
        let lock_path = join(path, b"lock");
        let locked = loop {
            let locked = take_lock(&lock_path, lock, block)?;
            // While we waited, an update may have put another live directory in this one's place.
            if locked.as_ref().is_none_or(|fd| is_still_at(fd, &lock_path)) {
                break locked;
            }
        };
        let database = load(&join(path, b"compiled"))?;
        Self::read(path, lock, locked, Rc::new(database))
    }

    /// Opens the live state in `path` for changes as soon as no other process has it.
    ///
    /// `None` if the deadline has passed, or `interrupt` can be read, before that; `busy` is called when there is something to
    /// wait for.
    ///
    /// # Errors
    /// As of [`Live::open`].
    pub fn open_within(
        path: &[u8],
        deadline: Option<Moment>,
        interrupt: BorrowedFd<'_>,
        busy: impl FnOnce(),
    ) -> Result<Option<Self>, Fatal> {
        let lock_path = join(path, b"lock");
        let mut busy = Some(busy);
        let mut asking = None;
        loop {
            // The process that has the lock closes the file when it is done.  This one opens its own after the watch begins, and
            // closes it after its end.
            let events = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok();
            let heard = events.as_ref().is_some_and(|events| {
                inotify::add_watch(events, lock_path.as_slice(), inotify::WatchFlags::CLOSE_WRITE).is_ok()
            });
            let fd = sys::fs::open(&lock_path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
                .or_unable_to("take lock", &lock_path)?;
            match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if !is_still_at(&fd, &lock_path) => continue,
                Ok(()) => {
                    let database = load(&join(path, b"compiled"))?;
                    return Self::read(path, Lock::Exclusive, Some(fd), Rc::new(database)).map(Some);
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(e) => return Err(Fatal::unable_to("take lock", &lock_path, e)),
            }
            if let Some(busy) = busy.take() {
                busy();
            }
            let now = clock::now();
            let turn = asking.map_or_else(|| Asking::new(now, heard), |asking: Asking| asking.next(now));
            asking = Some(turn);
            let until = deadline.into_iter().chain([turn.at()]).min();
            let mut fds: Vec<PollFd<'_>> = [Some(interrupt), events.as_ref().map(AsFd::as_fd)]
                .into_iter()
                .flatten()
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
                .collect();
            clock::poll_until(&mut fds, until).or_unable(|| "wait for another command")?;
            let is_interrupted = fds.first().is_some_and(|fd| !fd.revents().is_empty());
            if is_interrupted || deadline.is_some_and(|at| at <= clock::now()) {
                return Ok(None);
            }
        }
    }

    /// Reads the live state in `path` while other processes may change it.
    ///
    /// A change writes a byte of the state for each service.  An update makes another directory, puts it in this one's place,
    /// and removes this one: what comes from one directory belongs together, and is read again if that was it.
    fn look(path: &[u8]) -> Result<Self, Fatal> {
        loop {
            let dir = files::open_dir(CWD, path).or_unable_to("open", path)?;
            let read = || {
                let database = load_at(dir.as_fd(), b"compiled", &join(path, b"compiled"))?;
                let state = sys::fs::openat(&dir, "state", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
                Self::with_state(path, state, None, Rc::new(database))
            };
            match read() {
                Err(_) if !is_still_at(&dir, path) => {}
                read => return read,
            }
        }
    }

    /// Opens the live state of this database in `path`, whose exclusive lock the caller holds.
    ///
    /// # Errors
    /// As of [`Live::open`].
    pub(crate) fn open_locked(
        path: &[u8],
        locked: Option<OwnedFd>,
        database: Rc<Database>,
    ) -> Result<Self, Fatal> {
        Self::read(path, Lock::Exclusive, locked, database)
    }

    fn read(path: &[u8], lock: Lock, locked: Option<OwnedFd>, database: Rc<Database>) -> Result<Self, Fatal> {
        let flags = if lock == Lock::Shared { OFlags::RDONLY } else { OFlags::RDWR };
        let file = sys::fs::open(join(path, b"state"), flags | OFlags::CLOEXEC, Mode::empty());
        Self::with_state(path, file, locked, database)
    }

    /// The live state whose file was opened like this.
    fn with_state(
        path: &[u8],
        file: Result<OwnedFd, Errno>,
        locked: Option<OwnedFd>,
        database: Rc<Database>,
    ) -> Result<Self, Fatal> {
        let state_path = join(path, b"state");
        let file = file.or_unable_to("read", &state_path)?;
        let state = read_at_most(&file, database.len() + 1).or_unable_to("read", &state_path)?;
        if state.len() != database.len() {
            let text = format!("{} is not the state of the current database", show(&state_path));
            return Err(Fatal::new(4, text));
        }
        Ok(Self { path: path.to_vec(), database, state, is_stale: false, file: Some(file), lock: locked })
    }

    /// Where it is, as the caller named it.
    #[must_use]
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The current database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// A handle on the database that stays valid while the state changes.
    pub(crate) fn database_handle(&self) -> Rc<Database> {
        Rc::clone(&self.database)
    }

    /// The descriptors that a child must not get: it would keep the lock after this process has ended.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.file.iter().chain(&self.lock).map(AsFd::as_fd).collect()
    }

    /// Whether a service is up.
    #[must_use]
    pub fn is_up(&self, id: Id) -> bool {
        self.state.get(id as usize).is_some_and(|s| s & 1 != 0)
    }

    /// For each service whether it is up.
    #[must_use]
    pub fn up(&self) -> Vec<bool> {
        self.state.iter().map(|s| s & 1 != 0).collect()
    }

    /// Records that a service is up or down now.
    ///
    /// # Errors
    /// The file can't be written.  Then the state is this process's until it can be, the next time or by
    /// [`Live::settle`].
    pub fn set_up(&mut self, id: Id, up: bool) -> Result<(), Errno> {
        let Some(byte) = self.state.get_mut(id as usize) else { return Ok(()) };
        *byte = u8::from(up);
        let Some(file) = &self.file else { return Ok(()) };
        let written = match self.is_stale {
            false => rustix::io::retry_on_intr(|| rustix::io::pwrite(file, &[u8::from(up)], u64::from(id))),
            true => rustix::io::retry_on_intr(|| rustix::io::pwrite(file, &self.state, 0)),
        };
        self.is_stale = written.is_err();
        written.map(drop)
    }

    /// Writes what of the state couldn't be written.
    ///
    /// # Errors
    /// It still can't be: code 111.
    pub(crate) fn settle(&mut self) -> Result<(), Fatal> {
        let Some(file) = self.file.as_ref().filter(|_| self.is_stale) else { return Ok(()) };
        rustix::io::retry_on_intr(|| rustix::io::pwrite(file, &self.state, 0))
            .or_unable(|| format!("write {}", show(&join(&self.path, b"state"))))?;
        self.is_stale = false;
        Ok(())
    }

    /// The service directory of a longrun.
    #[must_use]
    pub fn servicedir(&self, id: Id) -> Vec<u8> {
        join(&join(&self.path, b"servicedirs"), self.database.name(id))
    }

    /// The scan directory that the longruns are in.
    ///
    /// # Errors
    /// The link can't be read: code 111.
    pub fn scandir(&self) -> Result<Vec<u8>, Fatal> {
        let link = join(&self.path, b"scandir");
        let target = sys::fs::readlink(&link, Vec::new()).or_unable_to("readlink", &link)?;
        Ok(target.into_bytes())
    }

    /// Selects the atomic services that names stand for.
    ///
    /// # Errors
    /// Code 3 for a name that the database doesn't know.
    pub fn select(&self, names: &[Vec<u8>]) -> Result<Vec<bool>, Fatal> {
        select(&self.database, names)
    }
}

impl Drop for Live {
    /// Releases the lock explicitly: a child that was just started may still have a copy of its descriptor.
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            let _ = rustix::fs::flock(lock, FlockOperation::Unlock);
        }
    }
}

/// Selects the atomic services that names stand for, as one flag for each service.
///
/// # Errors
/// Code 3 for a name that the database doesn't know.
pub(crate) fn select(database: &Database, names: &[Vec<u8>]) -> Result<Vec<bool>, Fatal> {
    let mut selection = vec![false; database.len()];
    for name in names {
        let ids = database.atomics(name).ok_or_else(|| {
            let meant = database.did_you_mean(name);
            Fatal::new(3, format_args!("{} is not a service or bundle of this database{meant}", show(name)))
        })?;
        for id in ids {
            if let Some(slot) = selection.get_mut(id as usize) {
                *slot = true;
            }
        }
    }
    Ok(selection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Service;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_database_file_has_at_most_a_gibibyte() {
        assert_eq!(DATABASE_LIMIT, 1_073_741_824);
    }

    #[test]
    fn a_state_that_could_not_be_written_is_written_with_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let service = |name: &str| Service { name: name.into(), ..Service::default() };
        let database = Database::new(["a", "b", "c"].map(service).to_vec(), Vec::new()).unwrap();
        std::fs::create_dir(dir.path().join("compiled")).unwrap();
        std::fs::write(dir.path().join("compiled/db"), crate::format::encode(&database)).unwrap();
        std::fs::write(&state, [0, 0, 0]).unwrap();
        let bytes = || std::fs::read(&state).unwrap();
        let mut live = Live::open(dir.path().as_os_str().as_bytes(), Lock::None, false).unwrap();
        assert_eq!((live.set_up(0, true), bytes()), (Ok(()), vec![1, 0, 0]));
        // A descriptor for reading only stands for a disk that takes nothing.
        let mut other = Some(std::fs::File::open(&state).unwrap().into());
        std::mem::swap(&mut live.file, &mut other);
        assert_eq!((live.set_up(1, true), live.is_up(1), bytes()), (Err(Errno::BADF), true, vec![1, 0, 0]));
        assert_eq!(live.settle().unwrap_err().code(), 111);
        std::mem::swap(&mut live.file, &mut other);
        assert_eq!((live.set_up(2, true), bytes()), (Ok(()), vec![1, 1, 1]));
        std::mem::swap(&mut live.file, &mut other);
        assert_eq!(live.set_up(0, false), Err(Errno::BADF));
        std::mem::swap(&mut live.file, &mut other);
        assert_eq!((live.settle().is_ok(), bytes()), (true, vec![0, 1, 1]));
    }
}
