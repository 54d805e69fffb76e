//! Fifodirs: one process notifies, any number of processes listen.
//!
//! A fifodir is a directory in which each listener keeps a FIFO (see [`wire::fifodir`] for its name); the notifier
//! writes into all of them without waiting.  The processes that may make files in the directory may listen: mode 1733
//! for all users, 3730 for a group.  They may do nothing else: the notifier, which often has more rights, neither follows
//! what they put there nor works for them without an end.

use crate::control::join;
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{BorrowedFd, OwnedFd};
use wire::tai::Tai64n;

/// Makes a fifodir that the group `gid` may subscribe to, all users if `None`.
///
/// An existing directory of this user keeps its mode and group unless `force` is set.
///
/// # Errors
/// The directory cannot be made; `ACCESS` if it belongs to another user.
pub fn make(path: &[u8], gid: Option<u32>, force: bool) -> Result<(), Errno> {
    match sys::fs::mkdir(path, Mode::RWXU) {
        Ok(()) => {}
        Err(Errno::EXIST) => {
            let st = sys::fs::stat(path)?;
            if st.st_uid != rustix::process::getuid().as_raw() {
                return Err(Errno::ACCESS);
            }
            if !FileType::from_raw_mode(st.st_mode).is_dir() {
                return Err(Errno::NOTDIR);
            }
            if !force {
                return Ok(());
            }
        }
        Err(e) => return Err(e),
    }
    let mode = if let Some(gid) = gid {
        sys::fs::chown(path, None, Some(rustix::process::Gid::from_raw(gid)))?;
        0o3730
    } else {
        0o1733
    };
    sys::fs::chmod(path, Mode::from_raw_mode(mode))
}

/// At most this many names of a fifodir are looked at in one go: what may make names there may make any number of them,
/// also while they are being read, and the notifier serves others, too.
const NAMES_LIMIT: usize = 32_768;

/// Calls `each` with the name of every listener's FIFO in a directory.
///
/// # Errors
/// The directory cannot be read; `USERS` if there are more than `limit` names: the first ones were served.
fn for_each_listener(dir: &OwnedFd, limit: usize, mut each: impl FnMut(&CStr)) -> Result<(), Errno> {
    let mut room = limit;
    files::for_each_entry(dir, &mut |name, _| {
        room = room.checked_sub(1).ok_or(Errno::USERS)?;
        if wire::fifodir::is_listener(name.to_bytes()) {
            each(name);
        }
        Ok(())
    })
}

/// Whether an open file is a listener's FIFO, and not something else that was given a listener's name.
///
/// A process that may only listen can name any file to the notifier, which may write where that process may not: by a
/// symbolic link, which isn't followed, or, where the kernel permits it, by a hard link to a FIFO of somebody else, such as
/// the control FIFO of another service.  A listener's FIFO has one name and can be written to by everybody (mode 622), so
/// that a write into it takes no permission that the maker of the name lacks; a control FIFO can't.  As the permissions are
/// those of the open file, they hold whatever the name means by now.
fn is_listener(st: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(st.st_mode) == FileType::Fifo
        && st.st_nlink == 1
        && Mode::from_raw_mode(st.st_mode).contains(Mode::WOTH)
}

/// Opens a listener's FIFO for writing.  What can't be one, or has no reader any more, is removed: `None`.
///
/// # Errors
/// It may be opened later.
fn open_listener(dir: &OwnedFd, name: &CStr) -> Result<Option<OwnedFd>, Errno> {
    const WRITE: OFlags =
        OFlags::WRONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
    match sys::fs::openat(dir, name, WRITE, Mode::empty()) {
        Ok(file) => Ok(sys::fs::fstat(&file).is_ok_and(|st| is_listener(&st)).then_some(file)),
        Err(Errno::NXIO | Errno::LOOP) => {
            remove(dir, name);
            Ok(None)
        }
        Err(e @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR)) => Err(e),
        Err(_) => Ok(None),
    }
}

/// Removes a name in the fifodir; what it links to stays.
fn remove(dir: &OwnedFd, name: &CStr) {
    let _ = sys::fs::unlinkat(dir, name, AtFlags::empty());
}

/// Sends `letters` to all listeners in the fifodir `path` under `at`; gives how many got them.
///
/// A FIFO without a reader is removed, a full one is skipped; nothing is written to what isn't a listener's FIFO.  The
/// process must not die of SIGPIPE.
///
/// # Errors
/// The directory cannot be read; `USERS` if it has more names than are looked at.
pub fn notify_at(at: BorrowedFd<'_>, path: &[u8], letters: &[u8]) -> Result<usize, Errno> {
    let dir = files::open_dir(at, path)?;
    let mut reached = 0_usize;
    for_each_listener(&dir, NAMES_LIMIT, |name| {
        reached = reached.saturating_add(usize::from(write(&dir, name, letters) == Ok(true)));
    })?;
    Ok(reached)
}

/// Writes letters to a listener's FIFO; `false` if it isn't one, or has no reader any more.
///
/// # Errors
/// It can't be opened or is full: later it may be otherwise.
fn write(dir: &OwnedFd, name: &CStr, letters: &[u8]) -> Result<bool, Errno> {
    let Some(fifo) = open_listener(dir, name)? else { return Ok(false) };
    match rustix::io::write(fifo, letters) {
        Ok(n) => Ok(n == letters.len()),
        Err(Errno::PIPE) => {
            remove(dir, name);
            Ok(false)
        }
        Err(e @ (Errno::AGAIN | Errno::INTR | Errno::NOMEM)) => Err(e),
        Err(_) => Ok(false),
    }
}

/// How many letters are owed at most: those of several restarts.
const OWED_LETTERS: usize = 64;

/// How many listeners letters are owed at most, if others have got them.
const OWED_LISTENERS: usize = 8;

/// What a notifier couldn't send.
///
/// Who may listen can let the FIFO be full: memory is bounded, and what is too much is lost.
#[derive(Debug, Default)]
pub struct Notifier {
    /// Letters for all listeners that listened when they should have been sent, oldest first.
    owed: Vec<(Tai64n, u8)>,
    /// Letters for these listeners, which others have got.
    late: Vec<(CString, Vec<u8>)>,
}

impl Notifier {
    /// Whether nothing is owed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.owed.is_empty() && self.late.is_empty()
    }

    /// Owes all listeners letters of this moment.
    ///
    /// # Errors
    /// `OVERFLOW`: more is owed than is kept, and the oldest is lost.
    pub fn owe(&mut self, letters: &[u8], now: Tai64n) -> Result<(), Errno> {
        self.owed.extend(letters.iter().map(|letter| (now, *letter)));
        let excess = self.owed.len().saturating_sub(OWED_LETTERS);
        self.owed.drain(..excess);
        if excess == 0 { Ok(()) } else { Err(Errno::OVERFLOW) }
    }

    /// Sends what is owed to the listeners in the fifodir `path` under `at`, each in order.  What is owed since `now` is for
    /// all of them, what was owed before for those that listened then.
    ///
    /// # Errors
    /// Something is still owed, since the directory or a FIFO can't be opened or a FIFO is full: the first reason; `USERS` if
    /// the directory has more names than are looked at; `OVERFLOW` if more was owed than is kept, which is lost.
    pub fn send(&mut self, at: BorrowedFd<'_>, path: &[u8], now: Tai64n) -> Result<(), Errno> {
        let dir = files::open_dir(at, path)?;
        let late = std::mem::take(&mut self.late);
        let owed = std::mem::take(&mut self.owed);
        let mut failed = None;
        let listed = for_each_listener(&dir, NAMES_LIMIT, |name| {
            let found = late.iter().find(|(other, _)| other.as_c_str() == name);
            let mut letters = found.map(|(_, letters)| letters.clone()).unwrap_or_default();
            let since = wire::fifodir::listens_since(name.to_bytes());
            let is_for_it = |at: &Tai64n| since.is_none_or(|since| since <= *at);
            letters.extend(owed.iter().filter(|(at, _)| is_for_it(at) || *at == now).map(|(_, l)| *l));
            if letters.is_empty() {
                return;
            }
            let Err(e) = write(&dir, name, &letters) else { return };
            if letters.len() > OWED_LETTERS || self.late.len() >= OWED_LISTENERS {
                failed = Some(Errno::OVERFLOW);
            } else {
                failed.get_or_insert(e);
                self.late.push((name.to_owned(), letters));
            }
        });
        listed.and(failed.map_or(Ok(()), Err))
    }
}

/// As [`notify_at`], from the working directory.
///
/// # Errors
/// As [`notify_at`].
pub fn notify(path: &[u8], letters: &[u8]) -> Result<usize, Errno> {
    notify_at(CWD, path, letters)
}

/// Removes the FIFOs that no listener reads any more.
///
/// # Errors
/// As [`notify_at`].
pub fn clean_at(at: BorrowedFd<'_>, path: &[u8]) -> Result<(), Errno> {
    let dir = files::open_dir(at, path)?;
    for_each_listener(&dir, NAMES_LIMIT, |name| drop(open_listener(&dir, name)))
}

/// As [`clean_at`], from the working directory.
///
/// # Errors
/// As [`clean_at`].
pub fn clean(path: &[u8]) -> Result<(), Errno> {
    clean_at(CWD, path)
}

/// A listener in a fifodir; it reads what is sent from its creation on.  Dropping it removes its FIFO.
#[derive(Debug)]
pub struct Listener {
    fifo: OwnedFd,
    path: Vec<u8>,
}

/// The part of listeners' names that no other process chooses, for several of them.
#[derive(Debug, Default)]
pub(crate) struct Unique {
    parts: [[u8; 6]; 16],
    /// How many of them are left.
    left: usize,
}

impl Unique {
    pub(crate) fn next(&mut self) -> [u8; 6] {
        if self.left == 0 {
            sys::random::fill_distinct(self.parts.as_flattened_mut());
            self.left = self.parts.len();
        }
        self.left = self.left.saturating_sub(1);
        self.parts.get(self.left).copied().unwrap_or_default()
    }
}

impl Listener {
    /// Listens in the fifodir `path` from now on.
    ///
    /// # Errors
    /// The directory doesn't exist, or this user may not subscribe to it.
    pub fn new(path: &[u8]) -> Result<Self, Errno> {
        let mut unique = [0; 6];
        sys::random::fill_distinct(&mut unique);
        Self::with(path, unique)
    }

    /// As [`Listener::new`], with this part of the name.
    pub(crate) fn with(path: &[u8], unique: [u8; 6]) -> Result<Self, Errno> {
        let name = wire::fifodir::listener_name(tool::clock::wall(), unique);
        let hidden = join(path, &[&[b".", name.as_slice()].concat()]);
        let shown = join(path, &[&name]);
        sys::fs::mknodat(CWD, &hidden, FileType::Fifo, Mode::from_raw_mode(0o622), 0)?;
        let unlink = |e: Errno| {
            let _ = sys::fs::unlink(&hidden);
            e
        };
        // Open for both directions, so that reading never meets the end.
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fifo = sys::fs::open(&hidden, flags, Mode::empty()).map_err(unlink)?;
        // The directory's owner may have put something else there.
        let made = sys::fs::fstat(&fifo).map_err(unlink)?;
        if FileType::from_raw_mode(made.st_mode) != FileType::Fifo
            || made.st_uid != rustix::process::geteuid().as_raw()
        {
            return Err(unlink(Errno::ACCESS));
        }
        rustix::fs::fchmod(&fifo, Mode::from_raw_mode(0o622)).map_err(unlink)?;
        sys::fs::rename(&hidden, &shown).map_err(unlink)?;
        Ok(Self { fifo, path: shown })
    }

    /// The letters that have arrived since the last call.
    ///
    /// # Errors
    /// The FIFO cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, Errno> {
        let mut letters = Vec::new();
        let mut buffer = [0; 256];
        loop {
            match rustix::io::read(&self.fifo, &mut buffer) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(letters),
                Ok(n) => {
                    letters.extend(buffer.iter().take(n));
                    // Less than the room: the FIFO is drained.
                    if n < buffer.len() {
                        return Ok(letters);
                    }
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
            // A flood comes in pieces; the rest stays in the FIFO.
            if letters.len() >= 4096 {
                return Ok(letters);
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fifo.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = sys::fs::unlink(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn letters_reach_every_listener() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("event").as_os_str().as_bytes().to_vec();
        make(&path, None, false).unwrap();
        let (a, b) = (Listener::new(&path).unwrap(), Listener::new(&path).unwrap());
        assert_eq!(notify(&path, b"su").unwrap(), 2);
        assert_eq!((a.read().unwrap(), b.read().unwrap()), (b"su".to_vec(), b"su".to_vec()));
        drop(a);
        assert_eq!(notify(&path, b"U").unwrap(), 1);
        assert_eq!(b.read().unwrap(), b"U");
    }

    #[test]
    fn stale_fifos_are_cleaned() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().as_os_str().as_bytes().to_vec();
        let stale = join(&path, &[b"ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z3"]);
        sys::fs::mknodat(CWD, &stale, FileType::Fifo, Mode::from_raw_mode(0o622), 0).unwrap();
        let live = Listener::new(&path).unwrap();
        clean(&path).unwrap();
        assert!(sys::fs::stat(&stale).is_err());
        assert!(sys::fs::stat(&live.path).is_ok());
    }

    /// A fifodir with a listener, and a name for another one.
    fn fifodir() -> (tempfile::TempDir, Vec<u8>, Listener, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().as_os_str().as_bytes().to_vec();
        let live = Listener::new(&path).unwrap();
        let planted = dir.path().join("ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z3");
        (dir, path, live, planted)
    }

    fn fifo(path: &std::path::Path, mode: u32) -> std::fs::File {
        sys::fs::mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        sys::fs::chmod(path, Mode::from_raw_mode(mode)).unwrap();
        let open = std::fs::File::options().read(true).write(true).open(path).unwrap();
        rustix::fs::fcntl_setfl(&open, OFlags::NONBLOCK).unwrap();
        open
    }

    #[test]
    fn what_links_lead_to_gets_nothing_and_stays() {
        let (_dir, path, live, planted) = fifodir();
        let other = tempfile::tempdir().unwrap();
        let secret = other.path().join("secret");
        std::fs::write(&secret, "secret").unwrap();
        let control = fifo(&other.path().join("control"), 0o622);
        for target in [secret.as_path(), &other.path().join("control"), std::path::Path::new("nowhere")] {
            std::os::unix::fs::symlink(target, &planted).unwrap();
            assert_eq!(notify(&path, b"u"), Ok(1), "{target:?}");
            assert!(std::fs::symlink_metadata(&planted).is_err(), "the link itself is removed");
            std::os::unix::fs::symlink(target, &planted).unwrap();
            clean(&path).unwrap();
            assert!(std::fs::symlink_metadata(&planted).is_err());
        }
        assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
        assert_eq!(rustix::io::read(&control, &mut [0; 8]), Err(Errno::AGAIN));
        assert_eq!(live.read().unwrap(), b"uuu");
    }

    #[test]
    fn hard_links_and_files_get_nothing() {
        let (dir, path, live, planted) = fifodir();
        std::fs::write(&planted, "a file").unwrap();
        assert_eq!(notify(&path, b"u"), Ok(1));
        assert_eq!(std::fs::read(&planted).unwrap(), b"a file");
        std::fs::remove_file(&planted).unwrap();
        std::fs::create_dir(&planted).unwrap();
        assert_eq!(notify(&path, b"u"), Ok(1));
        std::fs::remove_dir(&planted).unwrap();
        let control = fifo(&dir.path().join("control"), 0o622);
        std::fs::hard_link(dir.path().join("control"), &planted).unwrap();
        assert_eq!(notify(&path, b"u"), Ok(1));
        assert_eq!(rustix::io::read(&control, &mut [0; 8]), Err(Errno::AGAIN));
        assert_eq!(live.read().unwrap(), b"uuu");
    }

    #[test]
    fn a_fifo_that_only_some_may_write_to_is_no_listener_s() {
        let (_dir, path, _live, planted) = fifodir();
        for (mode, reached) in [(0o600, 1), (0o620, 1), (0o660, 1), (0o622, 2), (0o666, 2), (0o602, 2)] {
            let reader = fifo(&planted, mode);
            assert_eq!(notify(&path, b"d"), Ok(reached), "{mode:o}");
            let heard = rustix::io::read(&reader, &mut [0; 8]);
            assert_eq!(heard.is_ok(), reached == 2, "{mode:o}");
            std::fs::remove_file(&planted).unwrap();
        }
    }

    fn at(second: i64) -> Tai64n {
        Tai64n::from_unix(second, 0)
    }

    #[test]
    fn what_can_not_be_sent_is_owed_to_those_that_listened() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("event").as_os_str().as_bytes().to_vec();
        let mut notifier = Notifier::default();
        let mut send = |letters: &[u8], now| {
            notifier.owe(letters, now).unwrap();
            (notifier.send(CWD, &path, now), notifier.is_empty())
        };
        assert_eq!(send(b"u", at(1)), (Err(Errno::NOENT), false));
        make(&path, None, false).unwrap();
        let name =
            |second, unique: u8| join(&path, &[&wire::fifodir::listener_name(at(second), [unique; 6])]);
        let listener = |second, unique| {
            let name = name(second, unique);
            fifo(std::path::Path::new(std::ffi::OsStr::from_bytes(&name)), 0o622)
        };
        let (old, new) = (listener(1, 1), listener(3, 2));
        assert_eq!(send(b"d", at(2)), (Ok(()), true));
        let heard = |listener: &std::fs::File| {
            let mut letters = [0; 8];
            let count = rustix::io::read(listener, &mut letters).unwrap_or(0);
            letters[..count].to_vec()
        };
        assert_eq!((heard(&old), heard(&new)), (b"ud".to_vec(), b"d".to_vec()));
        // Its clock is another one, but it is there.
        assert_eq!((send(b"D", at(2)), heard(&new)), ((Ok(()), true), b"D".to_vec()));
    }

    #[test]
    fn a_full_listener_gets_its_letters_later_and_in_order() {
        let (_dir, path, live, planted) = fifodir();
        let full = fifo(&planted, 0o622);
        while rustix::io::write(&full, &[b'-'; 4096]).is_ok() {}
        let mut notifier = Notifier::default();
        for (second, letter) in [(1_900_000_000, b"u"), (1_900_000_001, b"d")] {
            notifier.owe(letter, at(second)).unwrap();
            assert_eq!(notifier.send(CWD, &path, at(second)), Err(Errno::AGAIN));
        }
        assert_eq!(live.read().unwrap(), b"ud", "others hear it at once, and once");
        let mut rest = vec![0; 1 << 20];
        let mut read = || rustix::io::read(&full, &mut rest).map(|count| rest[..count].to_vec());
        read().unwrap();
        assert_eq!(notifier.send(CWD, &path, at(1_900_000_002)), Ok(()));
        assert_eq!((read().unwrap(), notifier.is_empty()), (b"ud".to_vec(), true));
        assert_eq!(live.read().unwrap(), b"");
    }

    #[test]
    fn no_more_is_owed_than_the_limits() {
        assert_eq!((OWED_LETTERS, OWED_LISTENERS), (64, 8));
        let (_dir, path, _live, planted) = fifodir();
        let mut notifier = Notifier::default();
        assert_eq!(notifier.owe(&[b'u'; 64], at(1)), Ok(()));
        assert_eq!(notifier.owe(b"d", at(1)), Err(Errno::OVERFLOW));
        assert_eq!((notifier.owed.len(), notifier.owed.last()), (64, Some(&(at(1), b'd'))));
        notifier = Notifier::default();
        let full = fifo(&planted, 0o622);
        while rustix::io::write(&full, &[b'-'; 4096]).is_ok() {}
        for n in 0..64 {
            notifier.owe(b"u", at(n)).unwrap();
            assert_eq!(notifier.send(CWD, &path, at(n)), Err(Errno::AGAIN));
        }
        notifier.owe(b"u", at(64)).unwrap();
        assert_eq!(notifier.send(CWD, &path, at(64)), Err(Errno::OVERFLOW));
        assert!(notifier.is_empty(), "it is lost");
    }

    #[test]
    fn no_more_names_are_looked_at_than_the_limit() {
        assert_eq!(NAMES_LIMIT, 32_768);
        let tmp = tempfile::tempdir().unwrap();
        for name in 0..10 {
            std::fs::write(tmp.path().join(format!("{name}")), "").unwrap();
        }
        let open = || files::open_dir(CWD, tmp.path().as_os_str().as_bytes()).unwrap();
        assert_eq!(for_each_listener(&open(), 10, |_| {}), Ok(()));
        assert_eq!(for_each_listener(&open(), 9, |_| {}), Err(Errno::USERS));
    }
}
