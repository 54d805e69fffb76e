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
//! At any moment the files say how far a rotation has got, so that the logger that opens the directory after a crash
//! loses nothing and keeps nothing twice.
//!
//! Another process may remove `current`, or all of the directory, under a running logger.  Writing continues into the
//! removed file; the next rotation, or the end, notices, recreates what is missing, and copies what the open file has.
//!
//! All effects go through a [`System`].

mod directory;
pub mod system;
#[cfg(test)]
mod tests;

use crate::archive;
use crate::script::DirSpec;
use directory::{Doing, Entered, append, archive, archives, enter, open_current, remove};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use sys::process::Ended;
use system::{ProcessorFiles, System};
use tool::clock::Moment;
use tool::{Fatal, diag};

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
pub struct LogDir<S: System> {
    spec: DirSpec,
    dir: S::File,
    /// Held open for its lock.
    lock: S::File,
    current: S::File,
    /// Bytes in `current`.
    size: u64,
    /// Permissions of files, without the mark of being finished.
    mode: Mode,
    step: Option<Step>,
    rotate_again: bool,
    retry_at: Option<Moment>,
    rotate_at: Option<Moment>,
    processor: Option<Pid>,
    /// What went wrong since the last call of [`LogDir::take_warnings`].
    warnings: Vec<String>,
    /// Whether a failure that lasts was reported.
    is_reported: bool,
}

/// What [`LogDir::restore`] does.
const RESTORE: &str = "restore";

impl<S: System> LogDir<S> {
    /// Opens a log directory, made if it doesn't exist, and recovers what a crash left.  Files get the permissions
    /// `mode`.
    pub fn open(spec: DirSpec, mode: Mode, system: &S) -> Result<Self, Fatal> {
        let Entered { dir, lock, current, size, has_archived } =
            enter(system, &spec.path, mode).map_err(|(what, e)| Fatal::unable(&what, e))?;
        let rotate_at = spec.period.map(|p| system.now() + p);
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
            warnings: Vec::new(),
            is_reported: false,
        };
        if has_archived {
            opened.trim(system);
        }
        Ok(opened)
    }

    /// Device and inode of the directory.
    pub fn identity(&self, system: &S) -> Option<(u64, u64)> {
        system.identity(&self.dir)
    }

    /// Appends what can be written now; returns how many bytes that is.
    pub fn write(&mut self, out: &[u8], system: &S) -> usize {
        let mut done = 0;
        while self.retry_at.is_none() && self.is_writable() {
            let Some(rest) = out.get(done..).filter(|r| !r.is_empty()) else { break };
            // The line that reaches the limit is the last one.
            let goal = (self.spec.size - self.spec.tolerance).saturating_sub(self.size);
            let goal = usize::try_from(goal).unwrap_or(usize::MAX).saturating_sub(1);
            let tail = rest.get(goal..).and_then(|t| t.iter().position(|b| *b == b'\n'));
            let part = rest.get(..tail.map_or(rest.len(), |i| goal + i + 1)).unwrap_or(rest);
            match system.write(&self.current, part) {
                Err(Errno::INTR) => {}
                Err(e) => self.fail("write to current", e, system),
                Ok(n) => {
                    self.is_reported = false;
                    done += n;
                    self.size += n as u64;
                    if self.is_full() && part.get(..n).is_some_and(|p| p.ends_with(b"\n")) {
                        self.rotate(system);
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
    pub fn rotate(&mut self, system: &S) {
        if self.step.is_some() {
            self.rotate_again = true;
        } else {
            self.step = Some(Step::SetAside);
            self.advance(system);
        }
    }

    /// Reports a failure, unless it lasts, and retries after the cool-down.
    fn fail(&mut self, what: &'static str, e: Errno, system: &S) {
        if !self.is_reported {
            let path = diag::show(&self.spec.path);
            let e = sys::strerror(e);
            self.warnings.push(if what == RESTORE {
                let uid = rustix::process::geteuid().as_raw();
                format!(
                    "{path} was removed, making it anew: {e}; its lines wait until there is one for uid {uid}"
                )
            } else {
                format!("unable to {what} in {path}: {e}")
            });
        }
        self.is_reported = true;
        self.retry_at = Some(system.now() + self.spec.cooldown);
    }

    /// What went wrong since the last call; a failure that lasts comes once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// When [`LogDir::wake`] has something to do.
    pub fn deadline(&self) -> Option<Moment> {
        [self.retry_at, self.rotate_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Moment, system: &S) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.advance(system);
        }
        if let (Some(at), Some(period)) = (self.rotate_at, self.spec.period)
            && at <= now
        {
            self.rotate_at = Some(now + period);
            self.rotate(system);
        }
    }

    /// Continues a rotation as far as that is possible.
    fn advance(&mut self, system: &S) {
        while let Some(step) = self.step {
            if self.retry_at.is_some() || step == Step::AwaitProcessor {
                return;
            }
            match self.take(step, system) {
                Err((what, e)) => self.fail(what, e, system),
                Ok(next) => {
                    self.is_reported = false;
                    self.step = next;
                    if next.is_none() {
                        self.trim(system);
                        if std::mem::take(&mut self.rotate_again) || self.is_full() {
                            self.step = Some(Step::SetAside);
                        }
                    }
                }
            }
        }
    }

    /// Takes a step; returns the next one.
    fn take(&mut self, step: Step, system: &S) -> Doing<Option<Step>> {
        match step {
            Step::SetAside => self.set_aside(system),
            Step::Renew => self.renew(system),
            Step::Close => {
                let finished = self.mode | Mode::XUSR;
                match system.set_mode_of(&self.dir, "previous", finished) {
                    Err(Errno::NOENT) => return Ok(self.without_previous()),
                    changed => changed.map_err(|e| ("change mode of previous", e))?,
                }
                Ok(Some(if self.spec.processor.is_some() { Step::Process } else { Step::Archive }))
            }
            Step::Archive => {
                archive(system, &self.dir, "previous", b's').map_err(|e| ("archive previous", e))?;
                Ok(None)
            }
            Step::Process => self.process(system),
            Step::AwaitProcessor => Ok(Some(step)),
            Step::TakeProcessed => {
                self.take_processed(system)?;
                Ok(None)
            }
        }
    }

    fn set_aside(&mut self, system: &S) -> Doing<Option<Step>> {
        // The name may be there all the same: of a new file into which the copy failed.
        if system.status(&self.current).is_ok_and(|status| status.links == 0) {
            self.restore(system)?;
        }
        system.sync(&self.current).map_err(|e| ("sync current", e))?;
        match system.rename(&self.dir, "current", "previous") {
            Err(Errno::NOENT) => {
                self.restore(system)?;
                return Ok(Some(Step::SetAside));
            }
            renamed => renamed.map_err(|e| ("rename current", e))?,
        }
        Ok(Some(Step::Renew))
    }

    fn renew(&mut self, system: &S) -> Doing<Option<Step>> {
        self.current = match open_current(system, &self.dir, self.mode) {
            Err(Errno::NOENT) => {
                self.restore(system)?;
                return Ok(Some(Step::SetAside));
            }
            opened => opened.map_err(|e| ("open current", e))?,
        };
        self.size = 0;
        Ok(Some(Step::Close))
    }

    /// What was to be archived was removed; there is nothing left to do for it.
    fn without_previous(&mut self) -> Option<Step> {
        self.warnings.push(format!("previous in {} was removed", diag::show(&self.spec.path)));
        None
    }

    /// Recreates `current`, which isn't there, and the directory, if that is gone too; copies to it what was written
    /// to the removed file.
    fn restore(&mut self, system: &S) -> Doing<()> {
        let path = diag::show(&self.spec.path);
        let links = system.status(&self.current).map_err(|e| (RESTORE, e))?.links;
        let (current, entered) = match open_current(system, &self.dir, self.mode) {
            // Nothing can be made in a directory that was removed.
            Err(Errno::NOENT) => {
                let entered = enter(system, &self.spec.path, self.mode).map_err(|(_, e)| (RESTORE, e))?;
                (entered.current, Some((entered.dir, entered.lock)))
            }
            opened => (opened.map_err(|e| ("open current", e))?, None),
        };
        let before = system.status(&current).map_err(|e| ("stat current", e))?.size;
        let mut copied = 0;
        if links == 0 {
            copied = append(system, &self.current, &current).map_err(|e| {
                // The next try begins again.
                let _ = system.truncate(&current, before);
                ("copy to current", e)
            })?;
        }
        self.warnings.push(match (&entered, links) {
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

    /// Starts the processor.
    fn process(&mut self, system: &S) -> Doing<Option<Step>> {
        let Some(processor) = &self.spec.processor else { return Ok(Some(Step::Archive)) };
        let previous = match system.open(&self.dir, "previous", OFlags::RDONLY) {
            Err(Errno::NOENT) => return Ok(self.without_previous()),
            opened => opened.map_err(|e| ("open previous", e))?,
        };
        let fresh = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let start = || {
            let state = system.open(&self.dir, "state", OFlags::RDONLY | OFlags::CREATE)?;
            let processed = system.open(&self.dir, "processed", fresh)?;
            let newstate = system.open(&self.dir, "newstate", fresh)?;
            let files = ProcessorFiles {
                previous: &previous,
                processed: &processed,
                state: &state,
                newstate: &newstate,
            };
            system.start(processor, &self.dir, &files)
        };
        self.processor = Some(start().map_err(|e| ("start the processor", e))?);
        Ok(Some(Step::AwaitProcessor))
    }

    /// The processor has left its output: `processed` becomes valid at the moment when it is marked as finished.
    fn take_processed(&mut self, system: &S) -> Doing<()> {
        let dir = &self.dir;
        let processed = system.open(dir, "processed", OFlags::RDONLY).map_err(|e| {
            if e == Errno::NOENT {
                // It was removed: once more.
                self.step = Some(Step::Process);
            }
            ("open processed", e)
        })?;
        system.sync(&processed).map_err(|e| ("sync processed", e))?;
        match system.open(dir, "newstate", OFlags::RDONLY) {
            Err(Errno::NOENT) => {} // renamed already, at the first try
            newstate => {
                let newstate = newstate.map_err(|e| ("open newstate", e))?;
                system.sync(&newstate).map_err(|e| ("sync newstate", e))?;
            }
        }
        let finished = self.mode | Mode::XUSR;
        system.set_mode(&processed, finished).map_err(|e| ("change mode of processed", e))?;
        remove(system, dir, b"previous").map_err(|e| ("remove previous", e))?;
        match system.rename(dir, "newstate", "state") {
            Err(Errno::NOENT) => {}
            renamed => renamed.map_err(|e| ("rename newstate", e))?,
        }
        archive(system, dir, "processed", b's').map(drop).map_err(|e| ("archive processed", e))
    }

    /// Handles a child's end; `false` if it isn't this directory's processor.
    pub fn handle_end(&mut self, pid: Pid, how: Ended, system: &S) -> bool {
        if self.processor != Some(pid) {
            return false;
        }
        self.processor = None;
        if how == Ended::Exited(0) {
            self.step = Some(Step::TakeProcessed);
            self.advance(system);
        } else {
            let path = diag::show(&self.spec.path);
            let how = match how {
                Ended::Exited(code) => format!("exited with {code}"),
                Ended::Killed(signal) => format!("was killed by signal {signal}"),
            };
            self.warnings.push(format!("the processor of {path} {how}"));
            self.step = Some(Step::Process);
            self.retry_at = Some(system.now() + self.spec.cooldown);
        }
        true
    }

    /// Whether a rotation is going on and doesn't wait after an error.
    pub fn is_busy(&self) -> bool {
        self.step.is_some() && self.retry_at.is_none()
    }

    /// Deletes archives that are too many.
    fn trim(&mut self, system: &S) {
        if let Err((what, e)) = self.try_trim(system) {
            let path = diag::show(&self.spec.path);
            self.warnings.push(format!("unable to {what} in {path}: {}", sys::strerror(e)));
        }
    }

    fn try_trim(&self, system: &S) -> Doing<()> {
        let archives = archives(system, &self.dir, self.spec.total > 0).map_err(|e| ("list archives", e))?;
        for name in archive::surplus(archives, self.spec.archives, self.spec.total) {
            remove(system, &self.dir, &name).map_err(|e| ("remove an archive", e))?;
        }
        Ok(())
    }

    /// Finishes `current` at the end; while a rotation is incomplete it stays unmarked, and the next logger fixes
    /// the directory.  Returns what there is to warn of.
    pub fn finish(mut self, system: &S) -> Vec<String> {
        if self.step.is_none()
            && let Err((what, e)) = self.try_finish(system)
        {
            let (path, e) = (diag::show(&self.spec.path), sys::strerror(e));
            let size = self.size;
            self.warnings.push(if what == RESTORE {
                format!("{path} was removed, making it anew: {e}; the {size} bytes of current are lost")
            } else {
                format!("unable to {what} in {path}: {e}")
            });
        }
        self.warnings
    }

    fn try_finish(&mut self, system: &S) -> Doing<()> {
        if system.status(&self.current).is_ok_and(|status| status.links == 0) {
            self.restore(system)?;
        }
        system.sync(&self.current).map_err(|e| ("sync current", e))?;
        system.set_mode(&self.current, self.mode | Mode::XUSR).map_err(|e| ("change mode of current", e))
    }
}
