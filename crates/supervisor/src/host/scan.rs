//! Scanning the directory: finds services and their loggers, and begins their supervision.

use super::Host;
use super::pipes::NamedPipes;
use super::pipes::Pipe;
use super::poller::Source;
use super::roster::{Pair, Slot};
use crate::launch::Stdio;
use crate::service::Service;
use crate::service::hold::refuse;
use crate::service::service_dir::pipe_name;
use crate::system::{Effect, Identity};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::TryReserveError;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;
use supervision::control::CATCH_ALL;
use tool::Fatal;
use tool::diag::show;
use tool::sorted::Set;
use wire::board::{Row, State};

/// From a scan that could not read something to the next one.
const INCOMPLETE_SCAN_PAUSE: Duration = Duration::from_secs(5);

/// From a scan that found too many services to the next one.
const TOO_MANY_SERVICES_PAUSE: Duration = Duration::from_mins(1);

/// The first back-off after supervision could not begin; the next ones double.
const BACK_OFF: Duration = Duration::from_secs(1);

/// The longest one.
const BACK_OFF_LIMIT: Duration = Duration::from_mins(1);

/// Descriptors that services may not take, so that the host itself still works when all others are in use.
const RESERVED_DESCRIPTORS: u64 = 24;

/// More descriptors than the host has for a service, and for all else.
const DESCRIPTORS_EACH: u64 = 16;
const DESCRIPTORS_OTHERS: u64 = 256;

/// Names in a service directory that a scan looks for.
const NAMES: [&str; 3] = ["log", "pipe-in", "pipe-out"];

/// In a service directory with more names than this, each of these is looked for.
const LISTED: usize = 40;

/// Which of [`NAMES`] a service directory may have.
type Found = [bool; NAMES.len()];

/// What is looked for by name, since the directory wasn't listed.
const ANY: Found = [true; NAMES.len()];

/// What a scan has found.
#[derive(Default)]
struct Seen {
    numbers: Set<usize>,
    /// When to scan again, because something could not be read.
    again: Option<Duration>,
    /// New services, in the order in which their supervision begins.
    new: Vec<(usize, OwnedFd, Found)>,
    /// Whether memory was short for one.
    short: bool,
}

impl Seen {
    /// Allocates what a service and its logger take.
    fn make_room(&mut self) -> Result<(), TryReserveError> {
        self.new.try_reserve(2)?;
        self.numbers.try_reserve(2)
    }

    fn incomplete(&mut self, again: Duration) {
        self.again = Some(self.again.map_or(again, |a| a.min(again)));
    }
}

pub(super) fn open_service(at: BorrowedFd<'_>, name: &[u8]) -> Result<(OwnedFd, Identity), Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = sys::fs::openat(at, name, flags, Mode::empty())?;
    let st = sys::fs::fstat(&dir)?;
    Ok((dir, (st.st_dev, st.st_ino)))
}

/// As [`open_service`], with what a scan looks for in it.
fn list_service(at: BorrowedFd<'_>, name: &[u8]) -> Result<(OwnedFd, Identity, Found), Errno> {
    let dir = match files::open_dir(at, name) {
        Ok(dir) => dir,
        // It may be used without being read.
        Err(Errno::ACCESS) => return open_service(at, name).map(|(dir, identity)| (dir, identity, ANY)),
        Err(e) => return Err(e),
    };
    let st = sys::fs::fstat(&dir)?;
    let mut found = [false; NAMES.len()];
    let mut room = LISTED;
    let listed = files::for_each_entry(&dir, &mut |name, _| {
        room = room.checked_sub(1).ok_or(Errno::OVERFLOW)?;
        let name = name.to_bytes();
        for (found, _) in found.iter_mut().zip(NAMES).filter(|(_, other)| other.as_bytes() == name) {
            *found = true;
        }
        Ok(())
    });
    Ok((dir, (st.st_dev, st.st_ino), if listed.is_ok() { found } else { ANY }))
}

/// Calls `each` with the names in a scan directory that can be services.
pub(super) fn each_candidate(
    dir: OwnedFd,
    others: &[&str],
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), Errno> {
    files::for_each_entry(dir, &mut |name, file_type| {
        let maybe = matches!(file_type, FileType::Directory | FileType::Symlink | FileType::Unknown);
        let name = name.to_bytes();
        let is_other = others.iter().any(|other| other.as_bytes() == name);
        if maybe && !is_other && !name.starts_with(b".") {
            each(name);
        }
        Ok(())
    })
}

impl Host {
    /// Removes dangling links from the scan directory.
    pub(super) fn remove_dangling_links(&self) -> Result<(), Errno> {
        let mut names = Vec::new();
        let dir = files::open_dir(&self.dir, b".")?;
        each_candidate(dir, self.config.others, &mut |name| names.push(name.to_vec()))?;
        for name in names {
            let found = sys::fs::accessat(&self.dir, &*name, rustix::fs::Access::EXISTS, AtFlags::empty());
            if found == Err(Errno::NOENT) {
                let _ = sys::fs::unlinkat(&self.dir, &*name, AtFlags::empty());
            }
        }
        Ok(())
    }

    /// Scans the directory: begins to supervise new services, and marks those that are gone.
    ///
    /// If something could not be read, no service counts as gone, and the next scan comes in a few seconds.
    pub(super) fn scan(&mut self) {
        let now = self.launch.system.now();
        self.scan_at = self.config.rescan.map(|t| now.saturating_add(t));
        if self.stopping || !self.may_scan() {
            return;
        }
        let mut seen = Seen::default();
        // A name at a time: a list of all would take memory that there may not be.
        let listed = files::open_dir(&self.dir, b".").and_then(|dir| {
            each_candidate(dir, self.config.others, &mut |name| self.scan_entry(name, &mut seen))
        });
        let failed = listed.err();
        if let Some(e) = failed
            && self.scan_failed != failed
        {
            self.warn(format_args!("unable to read the scan directory: {}", sys::strerror(e)));
        }
        if failed.is_some() {
            seen.incomplete(INCOMPLETE_SCAN_PAUSE);
        }
        self.scan_failed = failed;
        if let Some(again) = seen.again {
            let at = now.saturating_add(again);
            self.scan_at = Some(self.scan_at.map_or(at, |s| s.min(at)));
        } else {
            for number in 0..self.roster.slot_count() {
                let Some(slot) = self.roster.get_mut(number) else { continue };
                slot.active = seen.numbers.contains(&number);
                if !slot.active && !slot.is_held() {
                    self.roster.remove(number);
                }
            }
        }
        for (number, dir, found) in seen.new {
            self.begin_in(number, dir, found);
        }
        if !seen.short && !self.is_short() {
            self.shortage = None;
        }
    }

    fn scan_entry(&mut self, name: &[u8], seen: &mut Seen) {
        if name.len() > self.config.name_max {
            self.warn(format_args!("name too long, not supervised: {}", show(name)));
            if let Ok((dir, _)) = open_service(self.dir.as_fd(), name) {
                refuse(dir.as_fd());
            }
            return;
        }
        let opened = self.launch.system.before(Effect::Open);
        let (dir, identity, found) = match opened.and_then(|()| list_service(self.dir.as_fd(), name)) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR) => return,
            Err(e) => {
                self.warn(format_args!("unable to open {}: {}", show(name), sys::strerror(e)));
                seen.incomplete(INCOMPLETE_SCAN_PAUSE);
                return;
            }
        };
        let [has_log, ..] = found;
        let logger = match has_log.then(|| list_service(dir.as_fd(), b"log")).transpose() {
            Ok(logger) => logger,
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(e) => {
                self.warn(format_args!("unable to open {}/log: {}", show(name), sys::strerror(e)));
                seen.incomplete(INCOMPLETE_SCAN_PAUSE);
                return;
            }
        };
        let fresh = |host: &Self, id| usize::from(host.roster.find(id).is_none());
        let wanted =
            fresh(self, identity).saturating_add(logger.as_ref().map_or(0, |(_, id, _)| fresh(self, *id)));
        if !self.has_room(name, dir.as_fd(), wanted, seen) {
            return;
        }
        let producer = self.find_or_add(name, identity, (dir, found), seen);
        let Some((dir, identity, found)) = logger else {
            if let Some(Pair::Producer(_)) = self.roster.get(producer).map(|s| s.pair) {
                self.warn(format_args!("the logger of service {} has been moved", show(name)));
            }
            return;
        };
        if let Some(known) = self.roster.find(identity)
            && let Some(Pair::Logger(other)) = self.roster.get(known).map(|s| s.pair)
            && other != producer
        {
            self.warn(format_args!("{}/log is already the logger of another service", show(name)));
            return;
        }
        // A logger begins before its producer.
        let before = seen.new.len();
        let logger = self.find_or_add(&[name, b"/log"].concat(), identity, (dir, found), seen);
        if seen.new.len() > before {
            seen.new.rotate_right(1);
        }
        self.pair_up(producer, logger);
    }

    /// Whether a service of the directory, with so many that are new, can be supervised; otherwise says why not.
    fn has_room(&mut self, name: &[u8], dir: BorrowedFd<'_>, wanted: usize, seen: &mut Seen) -> bool {
        if wanted.saturating_add(self.roster.len()) > self.config.services_max {
            let max = self.config.services_max;
            self.warn(format_args!("unable to supervise {}: there are {max} services already", show(name)));
            refuse(dir);
            seen.incomplete(TOO_MANY_SERVICES_PAUSE);
            return false;
        }
        let has_memory = seen.make_room().is_ok() && self.roster.make_room(wanted).is_ok();
        if has_memory && (wanted == 0 || !self.is_short()) {
            return true;
        }
        self.report_shortage();
        seen.short = true;
        seen.incomplete(self.shortage_pause());
        false
    }

    /// The number of an existing service directory, added if it is new.
    fn find_or_add(
        &mut self,
        name: &[u8],
        identity: Identity,
        (dir, found): (OwnedFd, Found),
        seen: &mut Seen,
    ) -> usize {
        let number = if let Some(number) = self.roster.find(identity) {
            if let Some(slot) = self.roster.get_mut(number) {
                slot.active = true;
                slot.name = name.to_vec();
            }
            number
        } else {
            let number = self.roster.add(Slot::new(name, identity, self.launch.system.now()));
            seen.new.push((number, dir, found));
            number
        };
        seen.numbers.insert(number);
        number
    }

    /// Makes one the logger of the other, with a pipe between them.
    fn pair_up(&mut self, producer: usize, logger: usize) {
        if self.roster.get(producer).map(|s| s.pair) == Some(Pair::Producer(logger)) {
            return;
        }
        let pipe = match self.launch.system.before(Effect::Pipe).and_then(|()| Pipe::new(b"")) {
            Ok(pipe) => pipe,
            Err(e) => return self.warn(format_args!("unable to make a logger's pipe: {}", sys::strerror(e))),
        };
        let ends =
            [(producer, Pair::Producer(logger), pipe.write), (logger, Pair::Logger(producer), pipe.read)];
        for (number, pair, end) in ends {
            if let Some(slot) = self.roster.get_mut(number) {
                slot.pair = pair;
                slot.log_pipe = Some(end);
                // A process that runs already gets the pipe at its next start.
                let stdio = stdio(slot, self.config.console.as_ref());
                if let Some(service) = &mut slot.service {
                    service.set_stdio(stdio);
                }
            }
        }
    }

    /// Begins to supervise a service again.
    pub(super) fn begin_again(&mut self, number: usize) {
        let Some(slot) = self.roster.get(number) else { return };
        if let Some(dir) = slot.dir.as_ref().filter(|_| slot.resumes) {
            // Its directory may have no name any more.
            return match rustix::io::fcntl_dupfd_cloexec(dir, 0) {
                Ok(dir) => self.begin_in(number, dir, ANY),
                Err(e) => self.begin_failed(number, &Fatal::unable("take a service over", e)),
            };
        }
        match open_service(self.dir.as_fd(), &slot.name) {
            Ok((dir, identity)) if identity == slot.identity => self.begin_in(number, dir, ANY),
            // The name belongs to another directory now, or to none.
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => self.roster.remove(number),
            Err(e) => self.begin_failed(number, &Fatal::unable("open the service directory", e)),
        }
    }

    fn begin_in(&mut self, number: usize, dir: OwnedFd, found: Found) {
        let now = self.launch.system.now();
        let is_new = self.roster.get(number).is_some_and(|slot| !slot.resumes);
        if is_new && self.is_short() {
            let at = now.saturating_add(self.shortage_pause());
            if let Some(slot) = self.roster.get_mut(number) {
                slot.begin_at = Some(at);
            }
            return self.roster.index(number);
        }
        let limit = self.launch.open_files.maximum.unwrap_or(u64::MAX);
        // Where the limit is far away, there is nothing to look at.
        let services = u64::try_from(self.roster.len()).unwrap_or(u64::MAX);
        let most = services.saturating_mul(DESCRIPTORS_EACH).saturating_add(DESCRIPTORS_OTHERS);
        if most >= limit {
            // The copy has the lowest number that is free now, and the directory the one that was when it was found: what is
            // between them, a scan may have closed by now.
            let copy = match rustix::io::fcntl_dupfd_cloexec(&dir, 0) {
                Ok(copy) => copy,
                Err(e) => return self.begin_failed(number, &Fatal::unable("open its files", e)),
            };
            let used = u64::try_from(copy.as_raw_fd().max(dir.as_raw_fd())).unwrap_or_default();
            if used.saturating_add(RESERVED_DESCRIPTORS) >= limit {
                if self.processes.is_some() && self.release_controls() {
                    // Both get lower numbers.
                    drop((copy, dir));
                    return self.begin_again(number);
                }
                let text = format!("too few descriptors are left: the limit on open files is {limit}");
                return self.begin_failed(number, &Fatal::new(111, text));
            }
        }
        if let Err(e) = self.launch.board.make_room(self.launch.system, number) {
            self.warn(format_args!("no room for more services on the status board: {}", sys::strerror(e)));
        }
        let Some(slot) = self.roster.get_mut(number) else { return };
        slot.begun = now;
        slot.begin_at = None;
        if let Err(e) = name_pipes(slot, &mut self.pipes, dir.as_fd(), found) {
            return self.begin_failed(number, &Fatal::unable("make its pipes", e));
        }
        let stdio = stdio(slot, self.config.console.as_ref());
        // After a fault from here on, the journal has the service and its pipes.
        if self.processes.is_some() {
            // The journal names the former one.
            slot.dir.get_or_insert(dir);
            self.write_services();
            return self.begin_process(number, &stdio);
        }
        self.write_services();
        self.begin_here(number, dir, stdio);
    }

    /// Begins to supervise a service in this process.
    fn begin_here(&mut self, number: usize, dir: OwnedFd, stdio: Stdio) {
        let found = self.find_by_status(number, &dir, &stdio);
        let Some(slot) = self.roster.get_mut(number) else { return };
        let begun = match found {
            Ok(Some(service)) => Ok((service, false)),
            Ok(None) => Service::open(dir, &slot.name, stdio, &self.launch).map(|service| (service, true)),
            Err(fatal) => Err(fatal),
        };
        let (service, is_new) = match begun {
            Ok(begun) => begun,
            Err(fatal) => return self.begin_failed(number, &fatal),
        };
        slot.failures = 0;
        if let Some(control) = service.control() {
            // If it can't be waited for, it is read once in a while.
            let _ = self.poller.add(Source::Control(number), control);
        }
        slot.service = Some(service);
        // Who hears of the supervision may send a command at once: from here on a fault closes nothing of the service.
        self.sync(number);
        self.write_services();
        if is_new {
            self.with(number, |service, launch| service.announce(launch));
        }
        self.launch.journal.enter(number);
        if let Some((pid, notification)) = self.launch.journal.adopt() {
            self.with(number, |service, launch| service.adopt(pid, notification, launch));
        }
    }

    /// The service with its process, if the journal has lost both.
    fn find_by_status(&self, number: usize, dir: &OwnedFd, stdio: &Stdio) -> Result<Option<Service>, Fatal> {
        let Some(slot) = self.roster.get(number).filter(|_| self.finds_by_status) else { return Ok(None) };
        let is_known = |pid| self.roster.of_pid(pid).is_some();
        Service::find(dir, &slot.name, stdio.clone(), &self.launch, is_known)
    }

    /// Prints why, and sets the time of the next attempt: after a second, doubled each time, at most a minute.
    pub(super) fn begin_failed(&mut self, number: usize, fatal: &Fatal) {
        let Some(slot) = self.roster.get_mut(number) else { return };
        let pause = back_off(slot.failures);
        slot.failures = slot.failures.saturating_add(1).min(6);
        // What fails once may pass, as a lock that a former supervisor is about to give up.
        let refused = (slot.failures == 2).then(|| slot.name.clone());
        slot.begin_at = Some(self.launch.system.now().saturating_add(pause));
        if !slot.resumes {
            let (name, next_start) = (slot.name.clone(), slot.begin_at);
            let row = Row { name, state: State::Unsupervised, next_start, ..Row::default() };
            self.launch.board.show(self.launch.system, number, &row, &mut 0);
        }
        let label = format!("s6-supervise {}", show(&slot.name));
        self.launch.system.warn(&label, &fatal.message());
        self.roster.index(number);
        if let Some(name) = refused
            && let Ok((dir, _)) = open_service(self.dir.as_fd(), &name)
        {
            refuse(dir.as_fd());
        }
    }
}

/// The pause after so many failures in a row and one more.
pub(super) fn back_off(failures: u32) -> Duration {
    tool::clock::doubled(BACK_OFF, failures, BACK_OFF_LIMIT)
}

/// Gives the slot the pipes that the service's files name.
fn name_pipes(
    slot: &mut Slot,
    pipes: &mut NamedPipes,
    dir: BorrowedFd<'_>,
    [_, input, output]: Found,
) -> Result<(), Errno> {
    let mut pipe = |has: bool, file| {
        let name = if has { pipe_name(dir, file)? } else { None };
        name.map(|name| pipes.get(&name)).transpose()
    };
    slot.named_input = pipe(input, "pipe-in")?;
    slot.named_output = pipe(output, "pipe-out")?;
    Ok(())
}

/// The standard descriptors of a slot's service: named pipes first, then the logger's.
pub(super) fn stdio(slot: &Slot, console: Option<&Rc<OwnedFd>>) -> Stdio {
    let logs = matches!(slot.pair, Pair::Logger(_));
    let logged = matches!(slot.pair, Pair::Producer(_));
    let end = |wanted: bool| slot.log_pipe.clone().filter(|_| wanted);
    Stdio {
        input: slot.named_input.as_ref().map(|p| Rc::clone(&p.read)).or_else(|| end(logs)),
        output: slot.named_output.as_ref().map(|p| Rc::clone(&p.write)).or_else(|| end(logged)),
        error: console.cloned().filter(|_| is_catch_all(slot)),
    }
}

/// Whether this is the service that logs the host's own output.
pub(super) fn is_catch_all(slot: &Slot) -> bool {
    slot.name == CATCH_ALL.as_bytes()
}
