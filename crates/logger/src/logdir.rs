//! A log directory: `current` that lines are appended to, and its rotation into archives.
//!
//! | file | what |
//! |---|---|
//! | `lock` | locked while a logger runs |
//! | `current` | the newest lines; executable by its owner if it was finished in an orderly way |
//! | `previous` | a former `current` that is being archived |
//! | `processed`, `newstate` | a processor's output; `processed` is executable when it is complete |
//! | `state` | the `newstate` of the last processor |
//! | `@STAMP.s`, `@STAMP.u` | archives |
//!
//! At any moment the files say how far a rotation has got, so that whoever opens the directory after a crash
//! loses nothing and keeps nothing twice.
//!
//! Somebody may remove `current`, or all of the directory, under a running logger.  Writing goes on into the removed
//! file; the next rotation, or the end, notices, makes anew what is missing, and copies what the open file has.

use super::archive;
use super::script::{DirSpec, Processor};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, OwnedFd};
use sys::process::Ended;
use sys::spawn::{Spawn, Strings, spawn};
use tool::clock::{self, Moment};
use tool::{Fatal, diag};
use wire::tai::Tai64n;

/// What a processor needs to be started.
#[derive(Debug)]
pub struct Launcher {
    /// The file of execlineb.
    pub(crate) execlineb: Vec<u8>,
    pub(crate) env: Strings,
}

/// The next thing to do for a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    SetAside,
    Renew,
    Close,
    Archive,
    Process,
    AwaitProcessor,
    TakeProcessed,
}

/// An open log directory.
#[derive(Debug)]
pub struct LogDir {
    spec: DirSpec,
    dir: OwnedFd,
    lock: OwnedFd,
    current: OwnedFd,
    size: u64,
    /// Permissions of files, without the mark of being finished.
    mode: Mode,
    step: Option<Step>,
    rotate_again: bool,
    retry_at: Option<Moment>,
    rotate_at: Option<Moment>,
    processor: Option<Pid>,
    /// What went wrong since the last call of [`LogDir::complaints`].
    complaints: Vec<String>,
    complained: bool,
}

type Doing<T> = Result<T, (&'static str, Errno)>;

fn open(dir: &OwnedFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    sys::fs::openat(dir, name, flags, Mode::from_raw_mode(0o666))
}

fn is_finished(dir: &OwnedFd, name: &str) -> Result<bool, Errno> {
    match sys::fs::statat(dir, name, AtFlags::empty()) {
        Ok(st) => Ok(st.st_mode & 0o100 != 0),
        Err(Errno::NOENT) => Ok(false),
        Err(e) => Err(e),
    }
}

fn remove(dir: &OwnedFd, name: &str) -> Result<(), Errno> {
    match sys::fs::unlinkat(dir, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

/// Makes an archive of a file, unless it is empty or one already, and removes its old name; tells whether it did.
fn archive(dir: &OwnedFd, name: &str, suffix: u8) -> Result<bool, Errno> {
    let st = match sys::fs::statat(dir, name, AtFlags::empty()) {
        Err(Errno::NOENT) => return Ok(false),
        st => st?,
    };
    let is_new = st.st_nlink == 1 && st.st_size > 0;
    if is_new {
        keep(dir, name, suffix)?;
    }
    remove(dir, name)?;
    Ok(is_new)
}

/// Gives a file the name of an archive; its old name may stay.
fn keep(dir: &OwnedFd, name: &str, suffix: u8) -> Result<(), Errno> {
    // A clock that was set back would have the newest archive taken for the oldest, and thrown away.
    // Labels from 2^63 on are no times.
    let times = archives(dir, false)?.into_iter().filter_map(|(name, _)| Tai64n::from_label(&name));
    let newest = times.filter(|time| time.seconds >> 63 == 0).max();
    let mut when = newest.map_or(clock::wall(), |newest| clock::wall().max(later(newest)));
    loop {
        let target = archive::name(when, suffix);
        let renamed = match sys::fs::renameat_with(dir, name, dir, target.as_slice(), RenameFlags::NOREPLACE)
        {
            Err(Errno::INVAL | Errno::NOSYS) => {
                sys::fs::linkat(dir, name, dir, target.as_slice(), AtFlags::empty())
            }
            renamed => renamed,
        };
        match renamed {
            Err(Errno::EXIST) => when = later(when),
            done => return done,
        }
    }
}

/// The names of the archives, and their sizes if these are asked for.
fn archives(dir: &OwnedFd, with_sizes: bool) -> Result<Vec<(Vec<u8>, u64)>, Errno> {
    let mut archives = Vec::new();
    files::for_each_entry(files::open_dir(dir, b".")?, &mut |name, _| {
        let name = name.to_bytes();
        if archive::is_archive(name) {
            let st = with_sizes.then(|| sys::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()).flatten();
            let size = st.map_or(0, |st| u64::try_from(st.st_size).unwrap_or(0));
            archives.push((name.to_vec(), size));
        }
        Ok(())
    })?;
    Ok(archives)
}

fn later(when: Tai64n) -> Tai64n {
    match when.nanos {
        999_999_999.. => Tai64n { seconds: when.seconds.saturating_add(1), nanos: 0 },
        nanos => Tai64n { seconds: when.seconds, nanos: nanos + 1 },
    }
}

impl LogDir {
    /// Opens a log directory, made if it doesn't exist, and brings order into what a crash left.
    pub fn open(spec: DirSpec) -> Result<Self, Fatal> {
        let umask = rustix::process::umask(Mode::empty());
        rustix::process::umask(umask);
        let mode = Mode::from_raw_mode(0o666) & !umask;
        let Entered { dir, lock, current, size, has_archived } =
            enter(&spec.path, mode).map_err(|(what, e)| Fatal::unable(&what, e))?;
        let rotate_at = spec.period.map(|p| clock::now() + p);
        let mut opened = Self {
            spec,
            dir,
            lock,
            current,
            size,
            mode,
            step: None,
            rotate_again: false,
            retry_at: None,
            rotate_at,
            processor: None,
            complaints: Vec::new(),
            complained: false,
        };
        if has_archived {
            opened.trim();
        }
        Ok(opened)
    }

    /// Device and inode of the directory.
    pub fn identity(&self) -> Option<(u64, u64)> {
        rustix::fs::fstat(&self.dir).ok().map(|st| (st.st_dev, st.st_ino))
    }

    /// Appends what can be written now; tells how many bytes that is.
    pub fn write(&mut self, out: &[u8], launcher: &Launcher) -> usize {
        let mut done = 0;
        while self.retry_at.is_none() && self.is_writable() {
            let Some(rest) = out.get(done..).filter(|r| !r.is_empty()) else { break };
            // The line that reaches the limit is the last one.
            let goal = (self.spec.size - self.spec.tolerance).saturating_sub(self.size);
            let goal = usize::try_from(goal).unwrap_or(usize::MAX).saturating_sub(1);
            let tail = rest.get(goal..).and_then(|t| t.iter().position(|b| *b == b'\n'));
            let part = rest.get(..tail.map_or(rest.len(), |i| goal + i + 1)).unwrap_or(rest);
            match rustix::io::write(&self.current, part) {
                Err(Errno::INTR) => {}
                Err(e) => self.fail("write to current", e),
                Ok(n) => {
                    self.complained = false;
                    done += n;
                    self.size += n as u64;
                    if self.is_full() && part.get(..n).is_some_and(|p| p.ends_with(b"\n")) {
                        self.rotate(launcher);
                    }
                }
            }
        }
        done
    }

    fn is_full(&self) -> bool {
        self.size + self.spec.tolerance >= self.spec.size
    }

    /// While an older file is still being processed, lines go to the new `current` until that is full too.
    fn is_writable(&self) -> bool {
        match self.step {
            None => true,
            Some(Step::SetAside | Step::Renew) => false,
            Some(_) => !self.is_full(),
        }
    }

    /// Begins a rotation, or has one follow the one that is going on.
    pub fn rotate(&mut self, launcher: &Launcher) {
        if self.step.is_some() {
            self.rotate_again = true;
        } else {
            self.step = Some(Step::SetAside);
            self.advance(launcher);
        }
    }

    fn fail(&mut self, what: &'static str, e: Errno) {
        if !self.complained {
            let path = diag::show(&self.spec.path);
            let e = sys::strerror(e);
            self.complaints.push(if what == RESTORE {
                let uid = rustix::process::geteuid().as_raw();
                format!(
                    "{path} was removed, making it anew: {e}; its lines wait until there is one for uid {uid}"
                )
            } else {
                format!("unable to {what} in {path}: {e}")
            });
        }
        self.complained = true;
        self.retry_at = Some(clock::now() + self.spec.cooldown);
    }

    /// What went wrong; each trouble once.
    pub fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    /// When [`LogDir::wake`] has something to do.
    pub fn deadline(&self) -> Option<Moment> {
        [self.retry_at, self.rotate_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Moment, launcher: &Launcher) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.advance(launcher);
        }
        if let (Some(at), Some(period)) = (self.rotate_at, self.spec.period)
            && at <= now
        {
            self.rotate_at = Some(now + period);
            self.rotate(launcher);
        }
    }

    /// Goes on with a rotation as far as that is possible.
    fn advance(&mut self, launcher: &Launcher) {
        while let Some(step) = self.step {
            if self.retry_at.is_some() || step == Step::AwaitProcessor {
                return;
            }
            match self.take(step, launcher) {
                Err((what, e)) => self.fail(what, e),
                Ok(next) => {
                    self.complained = false;
                    self.step = next;
                    if next.is_none() {
                        self.trim();
                        if std::mem::take(&mut self.rotate_again) || self.is_full() {
                            self.step = Some(Step::SetAside);
                        }
                    }
                }
            }
        }
    }

    fn take(&mut self, step: Step, launcher: &Launcher) -> Doing<Option<Step>> {
        let dir = &self.dir;
        match step {
            Step::SetAside => {
                rustix::fs::fsync(&self.current).map_err(|e| ("sync current", e))?;
                match sys::fs::renameat(dir, "current", dir, "previous") {
                    Err(Errno::NOENT) => {
                        self.restore()?;
                        return Ok(Some(Step::SetAside));
                    }
                    renamed => renamed.map_err(|e| ("rename current", e))?,
                }
                Ok(Some(Step::Renew))
            }
            Step::Renew => {
                self.current = match open_current(dir, self.mode) {
                    Err(Errno::NOENT) => {
                        self.restore()?;
                        return Ok(Some(Step::SetAside));
                    }
                    opened => opened.map_err(|e| ("open current", e))?,
                };
                self.size = 0;
                Ok(Some(Step::Close))
            }
            Step::Close => {
                let finished = self.mode | Mode::XUSR;
                match sys::fs::chmodat(dir, "previous", finished, AtFlags::empty()) {
                    Err(Errno::NOENT) => return Ok(self.without_previous()),
                    changed => changed.map_err(|e| ("change mode of previous", e))?,
                }
                Ok(Some(if self.spec.processor.is_some() { Step::Process } else { Step::Archive }))
            }
            Step::Archive => {
                archive(dir, "previous", b's').map_err(|e| ("archive previous", e))?;
                Ok(None)
            }
            Step::Process => {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                let previous = match sys::fs::openat(dir, "previous", flags, Mode::empty()) {
                    Err(Errno::NOENT) => return Ok(self.without_previous()),
                    opened => opened.map_err(|e| ("open previous", e))?,
                };
                let started = self.start_processor(&previous, launcher);
                self.processor = started.map_err(|e| ("start the processor", e))?;
                Ok(Some(if self.processor.is_some() { Step::AwaitProcessor } else { Step::Archive }))
            }
            Step::AwaitProcessor => Ok(Some(step)),
            Step::TakeProcessed => {
                self.take_processed()?;
                Ok(None)
            }
        }
    }

    /// Somebody has removed what was to be archived; there is nothing left to do for it.
    fn without_previous(&mut self) -> Option<Step> {
        self.complaints.push(format!("previous in {} was removed", diag::show(&self.spec.path)));
        None
    }

    /// Makes `current` anew, which isn't there, and the directory, if that is gone too; copies to it what was written
    /// to the removed file.
    fn restore(&mut self) -> Doing<()> {
        let path = diag::show(&self.spec.path);
        let with_links = rustix::fs::fstat(&self.current).map_err(|e| (RESTORE, e))?.st_nlink;
        let (current, entered) = match open_current(&self.dir, self.mode) {
            // Nothing can be made in a directory that was removed.
            Err(Errno::NOENT) => {
                let entered = enter(&self.spec.path, self.mode).map_err(|(_, e)| (RESTORE, e))?;
                (entered.current, Some((entered.dir, entered.lock)))
            }
            opened => (opened.map_err(|e| ("open current", e))?, None),
        };
        let before = rustix::fs::fstat(&current).map_err(|e| ("stat current", e))?.st_size;
        let before = u64::try_from(before).unwrap_or(0);
        let mut copied = 0;
        if with_links == 0 {
            copied = append(&self.current, &current).map_err(|e| {
                // The next try begins again.
                let _ = rustix::fs::ftruncate(&current, before);
                ("copy to current", e)
            })?;
        }
        self.complaints.push(match (&entered, with_links) {
            (Some(_), _) => format!("{path} was removed: it is made anew, and gets what was in current"),
            (None, 0) => format!("current in {path} was removed: it is made anew, with what was in it"),
            (None, _) => format!("current in {path} was moved away: a new one is begun"),
        });
        (self.current, self.size) = (current, before + copied);
        if let Some((dir, lock)) = entered {
            (self.dir, self.lock) = (dir, lock);
        }
        Ok(())
    }

    fn start_processor(&self, previous: &OwnedFd, launcher: &Launcher) -> Result<Option<Pid>, Errno> {
        let (file, option, text) = match &self.spec.processor {
            None => return Ok(None),
            Some(Processor::Shell(text)) => (&b"/bin/sh"[..], "-c", text),
            Some(Processor::Execline(text)) => (launcher.execlineb.as_slice(), "-Pc", text),
        };
        let argv = Strings::new(&[file, option.as_bytes(), text])?;
        let fresh = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let state = open(&self.dir, "state", OFlags::RDONLY | OFlags::CREATE)?;
        let processed = open(&self.dir, "processed", fresh)?;
        let newstate = open(&self.dir, "newstate", fresh)?;
        let fds = [(previous.as_fd(), 0), (processed.as_fd(), 1), (state.as_fd(), 4), (newstate.as_fd(), 5)];
        spawn(&Spawn {
            file,
            argv: &argv,
            env: &launcher.env,
            dir: Some(self.dir.as_fd()),
            fds: &fds,
            session: false,
            pid_namespace: false,
            open_files: None,
            reset: &[sys::signal::PIPE],
            window: None,
        })
        .map(Some)
    }

    /// The processor has left its output: `processed` becomes valid at the moment when it is marked as finished.
    fn take_processed(&mut self) -> Doing<()> {
        let dir = &self.dir;
        let processed = open(dir, "processed", OFlags::RDONLY).map_err(|e| {
            if e == Errno::NOENT {
                // Somebody has removed it: once more.
                self.step = Some(Step::Process);
            }
            ("open processed", e)
        })?;
        rustix::fs::fsync(&processed).map_err(|e| ("sync processed", e))?;
        match open(dir, "newstate", OFlags::RDONLY) {
            Err(Errno::NOENT) => {} // renamed already, at the first try
            newstate => {
                let newstate = newstate.map_err(|e| ("open newstate", e))?;
                rustix::fs::fsync(&newstate).map_err(|e| ("sync newstate", e))?;
            }
        }
        let finished = self.mode | Mode::XUSR;
        rustix::fs::fchmod(&processed, finished).map_err(|e| ("change mode of processed", e))?;
        remove(dir, "previous").map_err(|e| ("remove previous", e))?;
        match sys::fs::renameat(dir, "newstate", dir, "state") {
            Err(Errno::NOENT) => {}
            renamed => renamed.map_err(|e| ("rename newstate", e))?,
        }
        archive(dir, "processed", b's').map(drop).map_err(|e| ("archive processed", e))
    }

    /// Takes notice of a child's end; `false` if it isn't this directory's processor.
    pub fn child(&mut self, pid: Pid, how: Ended, launcher: &Launcher) -> bool {
        if self.processor != Some(pid) {
            return false;
        }
        self.processor = None;
        if how == Ended::Exited(0) {
            self.step = Some(Step::TakeProcessed);
            self.advance(launcher);
        } else {
            let path = diag::show(&self.spec.path);
            let how = match how {
                Ended::Exited(code) => format!("exited with {code}"),
                Ended::Killed(signal) => format!("was killed by signal {signal}"),
            };
            self.complaints.push(format!("the processor of {path} {how}"));
            self.step = Some(Step::Process);
            self.retry_at = Some(clock::now() + self.spec.cooldown);
        }
        true
    }

    /// Whether a rotation is going on and doesn't wait after an error.
    pub fn is_busy(&self) -> bool {
        self.step.is_some() && self.retry_at.is_none()
    }

    /// Deletes archives that are too many.
    fn trim(&mut self) {
        if let Err((what, e)) = self.try_trim() {
            let path = diag::show(&self.spec.path);
            self.complaints.push(format!("unable to {what} in {path}: {}", sys::strerror(e)));
        }
    }

    fn try_trim(&self) -> Doing<()> {
        let archives = archives(&self.dir, self.spec.total > 0).map_err(|e| ("list archives", e))?;
        for name in archive::surplus(archives, self.spec.archives, self.spec.total) {
            match sys::fs::unlinkat(&self.dir, name.as_slice(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(("remove an archive", e)),
            }
        }
        Ok(())
    }

    /// Finishes `current` at the end; while a rotation is incomplete it stays unmarked, and the next logger mends
    /// the directory.  Gives what there is to complain of.
    pub fn finish(mut self) -> Vec<String> {
        if self.step.is_none()
            && let Err((what, e)) = self.try_finish()
        {
            let (path, e) = (diag::show(&self.spec.path), sys::strerror(e));
            let size = self.size;
            self.complaints.push(if what == RESTORE {
                format!("{path} was removed, making it anew: {e}; the {size} bytes of current are lost")
            } else {
                format!("unable to {what} in {path}: {e}")
            });
        }
        self.complaints
    }

    fn try_finish(&mut self) -> Doing<()> {
        if rustix::fs::fstat(&self.current).is_ok_and(|st| st.st_nlink == 0) {
            self.restore()?;
        }
        rustix::fs::fsync(&self.current).map_err(|e| ("sync current", e))?;
        rustix::fs::fchmod(&self.current, self.mode | Mode::XUSR).map_err(|e| ("change mode of current", e))
    }
}

/// What [`LogDir::restore`] does.
const RESTORE: &str = "restore";

/// A log directory that was opened.
struct Entered {
    dir: OwnedFd,
    lock: OwnedFd,
    current: OwnedFd,
    size: u64,
    /// Whether there are archives that weren't there before.
    has_archived: bool,
}

/// Opens a log directory, made if it doesn't exist.
fn enter(path: &[u8], mode: Mode) -> Result<Entered, (String, Errno)> {
    let shown = diag::show(path);
    match sys::fs::mkdir(path, Mode::from_raw_mode(0o2700)) {
        Err(Errno::EXIST) => {}
        made => made.map_err(|e| (format!("make directory {shown}"), e))?,
    }
    let dir = files::open_dir(CWD, path).map_err(|e| (format!("open directory {shown}"), e))?;
    let lock =
        open(&dir, "lock", OFlags::WRONLY | OFlags::CREATE).map_err(|e| (format!("open {shown}/lock"), e))?;
    rustix::fs::fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| {
        let e = if matches!(e, Errno::ACCESS | Errno::AGAIN) { Errno::BUSY } else { e };
        (format!("lock {shown}/lock"), e)
    })?;
    let (current, size, has_archived) =
        recover(&dir, mode).map_err(|(what, e)| (format!("{what} in {shown}"), e))?;
    Ok(Entered { dir, lock, current, size, has_archived })
}

/// Appends all that is in a file to another one; gives how much that was.
fn append(from: &OwnedFd, to: &OwnedFd) -> Result<u64, Errno> {
    let mut buf = vec![0; 64 * 1024];
    let mut copied = 0;
    loop {
        let n = rustix::io::retry_on_intr(|| rustix::io::pread(from, &mut buf, copied))?;
        if n == 0 {
            return Ok(copied);
        }
        files::write_all(to, buf.get(..n).unwrap_or_default())?;
        copied += n as u64;
    }
}

fn open_current(dir: &OwnedFd, mode: Mode) -> Result<OwnedFd, Errno> {
    let current = open(dir, "current", OFlags::RDWR | OFlags::CREATE | OFlags::APPEND)?;
    rustix::fs::fcntl_setfl(&current, OFlags::APPEND)?;
    rustix::fs::fchmod(&current, mode)?;
    Ok(current)
}

/// Archives what an interrupted logger left; gives `current` and its size.
fn recover(dir: &OwnedFd, mode: Mode) -> Doing<(OwnedFd, u64, bool)> {
    let interrupted = !is_finished(dir, "current").map_err(|e| ("stat current", e))?;
    let mut has_archived = if is_finished(dir, "processed").map_err(|e| ("stat processed", e))? {
        remove(dir, "previous").map_err(|e| ("remove previous", e))?;
        archive(dir, "processed", b's').map_err(|e| ("archive processed", e))?
    } else {
        remove(dir, "processed").map_err(|e| ("remove processed", e))?;
        archive(dir, "previous", b'u').map_err(|e| ("archive previous", e))?
    };
    remove(dir, "newstate").map_err(|e| ("remove newstate", e))?;
    if interrupted {
        has_archived |= archive(dir, "current", b'u').map_err(|e| ("archive current", e))?;
        open(dir, "state", OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC).map_err(|e| ("make state", e))?;
    }
    let current = open_current(dir, mode).map_err(|e| ("open current", e))?;
    let st = rustix::fs::fstat(&current).map_err(|e| ("stat current", e))?;
    Ok((current, u64::try_from(st.st_size).unwrap_or(0), has_archived))
}
