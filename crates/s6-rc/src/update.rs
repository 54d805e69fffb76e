//! Switching the live state to another compiled database, with as few restarts as possible.

use crate::change;
use crate::change_options::ChangeOptions;
use crate::changed::{Changed, End};
use crate::conversion::{Conversions, Mapping, Transitions, parse};
use crate::database::{Database, Entity, Id, Service};
use crate::direction::Direction;
use crate::folder::{READABLE, TEXT_LIMIT, with_umask};
use crate::init::{self, PURPOSES, copy_servicedir};
use crate::live::{Live, Lock, load};
use crate::report::Line;
use files::{
    Owners, Permissions, copy_tree, create, entries, exchange, open_dir, read_file, remove_tree,
    replace_link, sole_name,
};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;
use supervision::control;
use tool::path::{join, split};
use tool::sorted::Map;
use tool::{Fatal, OrUnable, Out, diag::show};
use wire::control::{Command, ScanCommand};

/// Which live state to switch, and to what.
#[derive(Debug, Clone)]
pub struct UpdateOptions {
    /// The live directory's link; absolute.
    pub live: Vec<u8>,
    /// The compiled database to switch to; absolute.
    pub compiled: Vec<u8>,
    /// A conversion file.
    pub conversions: Option<Vec<u8>>,
    /// Waits for other commands instead of failing.
    pub block: bool,
}

/// Switches to another database: stops what must stop, replaces the live directory, starts what must start.
///
/// Returns the exit code: 0; after the switch 1 for failures and 2 for the deadline, before it 9 and 10.
///
/// # Errors
/// Codes 3, 4, 5, 6 and 100 for the conversion file, 4 for a damaged database, 111 for the system.
pub fn update(options: &UpdateOptions, how: &ChangeOptions<'_>) -> Result<u8, Fatal> {
    let mut live = Live::open(&options.live, Lock::Exclusive, options.block)?;
    let new = load(&options.compiled)?;
    let old = live.database_handle();
    let conversions = match &options.conversions {
        Some(file) => {
            let text = read_file(CWD, file, TEXT_LIMIT).or_unable_to("read", file)?;
            parse(&text, &old)?
        }
        None => Conversions::new(),
    };
    let mapping = Mapping::new(&old, &new, &conversions)?;
    let up = live.up();
    let transitions = mapping.transitions(&up);
    if how.dry_run.is_some() {
        print_dry_run(options, how, &old, &new, &transitions)?;
        return Ok(0);
    }
    let stopped = change::change(&mut live, Direction::Down, transitions.stop, how)?;
    match exit_code(&stopped) {
        0 => {}
        failed => return Ok(failed + 8),
    }
    let transitions = mapping.after_stop(&up, &live.up());
    let switch = Switch::new(options, &live, &new, &mapping, &transitions)?;
    let mut live = with_umask(|| switch.run(live, how))?;
    let started = change::change(&mut live, Direction::Up, transitions.start, how)?;
    Ok(exit_code(&started))
}

/// The old services that an update to another database, without conversions, would stop.
///
/// # Errors
/// As of [`update`].
pub fn stopped_by(live: &Live, new: &Database) -> Result<Vec<Vec<u8>>, Fatal> {
    let old = live.database();
    let conversions = Conversions::new();
    let stop = Mapping::new(old, new, &conversions)?.transitions(&live.up()).stop;
    let stopped = old.services().iter().zip(stop).filter(|(service, stop)| *stop && !service.is_internal());
    Ok(stopped.map(|(service, _)| service.name.clone()).collect())
}

fn exit_code(changed: &Changed) -> u8 {
    match changed.end {
        End::TimedOut => 2,
        End::Done | End::Interrupted => changed.code(),
    }
}

fn print_dry_run(
    options: &UpdateOptions,
    how: &ChangeOptions<'_>,
    old: &Database,
    new: &Database,
    transitions: &Transitions,
) -> Result<(), Fatal> {
    let mut out = Out::new();
    let down: &[u8] = if how.force { b"-D" } else { b"-d" };
    for (direction, database, list) in [(down, old, &transitions.stop), (b"-u", new, &transitions.start)] {
        let mut line =
            [b"s6-rc-dryrun: s6-rc -l ", options.live.as_slice(), b" ", direction, b" -- change"].concat();
        for (service, _) in database.services().iter().zip(list).filter(|(_, l)| **l) {
            line.push(b' ');
            line.extend_from_slice(&service.name);
        }
        out.line(&line)?;
    }
    out.flush()
}

fn is_supervised(service: &Service) -> bool {
    service.is_longrun() && !service.is_internal()
}

/// The replacement of the live directory.
struct Switch<'a> {
    made: init::LiveOptions,
    old: &'a [u8],
    old_database: std::rc::Rc<Database>,
    new: &'a Database,
    /// For each new service, the old one that keeps running as it.
    keep: &'a [Option<Id>],
    mapping: &'a Mapping<'a>,
}

impl<'a> Switch<'a> {
    fn new(
        options: &'a UpdateOptions,
        live: &Live,
        new: &'a Database,
        mapping: &'a Mapping<'a>,
        transitions: &'a Transitions,
    ) -> Result<Self, Fatal> {
        let prefix_file = join(&options.live, b"prefix");
        let prefix = read_file(CWD, &prefix_file, 4096).or_unable_to("read", &prefix_file)?;
        let made = init::LiveOptions {
            scandir: live.scandir()?,
            compiled: options.compiled.clone(),
            live: options.live.clone(),
            prefix,
            timeout: None,
            block: false,
        };
        let old_database = live.database_handle();
        Ok(Self { made, old: &options.live, old_database, new, keep: &transitions.keep, mapping })
    }

    fn kept(&self, id: Id) -> Option<Id> {
        self.keep.get(id as usize).copied().flatten()
    }

    fn longruns(&self) -> impl Iterator<Item = (Id, &Service)> {
        (0..).zip(self.new.services()).filter(|(_, s)| is_supervised(s))
    }

    fn run(&self, live: Live, how: &ChangeOptions<'_>) -> Result<Live, Fatal> {
        let (parent, name) = split(&self.made.live);
        let parent_fd = open_dir(CWD, parent).or_unable_to("open", parent)?;
        let old = sys::fs::readlinkat(&parent_fd, name, Vec::new())
            .or_unable_to("readlink", self.old)?
            .into_bytes();
        let state: Vec<u8> = self.keep.iter().map(|k| u8::from(k.is_some())).collect();
        let directory = init::make(&self.made, PURPOSES[1], &state)?;
        let (old_path, path) = (join(parent, &old), join(parent, &directory));
        let mut moved = Vec::new();
        let filled = self
            .fill(&old_path, &path, &mut moved)
            .and_then(|()| replace_link(&parent_fd, &directory, name).or_unable_to("symlink", self.old));
        if let Err(fatal) = filled {
            for (from, to) in moved {
                let _ = sys::fs::rename(to, from);
            }
            let _ = remove_tree(&parent_fd, &directory);
            return Err(fatal);
        }
        // From here on the new database is the current one.
        self.release_supervisors(&old_path);
        let names: Vec<Vec<u8>> = self.longruns().map(|(_, s)| s.name.clone()).collect();
        let made = &self.made;
        init::supervise(&made.scandir, &path, &made.prefix, &names, how.deadline, how.interrupt)?;
        if control::send_to_host(&made.scandir, &[ScanCommand::Scan, ScanCommand::Prune]).is_err()
            && how.reporter.verbosity >= 1
        {
            how.reporter.print(&Line::warning(format!(
                "unable to send a command to the host of {}",
                show(&made.scandir)
            )));
        }
        let _ = remove_tree(&parent_fd, &old);
        drop(live);
        Live::open(&made.live, Lock::Exclusive, true)
    }

    /// Fills the new directory, and records what it moves out of the old one, so that a failure can move it back.
    fn fill(&self, old: &[u8], new: &[u8], moved: &mut Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Fatal> {
        let from_path = join(&self.made.compiled, b"servicedirs");
        let to_path = join(new, b"servicedirs");
        let from = open_dir(CWD, &from_path).or_unable_to("open", &from_path)?;
        let to = open_dir(CWD, &to_path).or_unable_to("open", &to_path)?;
        for (id, service) in self.longruns() {
            let unable = || format!("make the service directory {}", show(&join(&to_path, &service.name)));
            let origin = |id: Id| join(&join(old, b"servicedirs"), self.old_database.name(id));
            if let Some(running) = self.kept(id) {
                let (source, target) = (origin(running), join(&to_path, &service.name));
                sys::fs::rename(&source, &target).or_unable(unable)?;
                moved.push((source, target));
                replace_servicedir(from.as_fd(), to.as_fd(), &service.name).or_unable(unable)?;
            } else {
                copy_servicedir(from.as_fd(), to.as_fd(), &service.name)
                    .and_then(|()| create(to.as_fd(), &join(&service.name, b"down"), b"", READABLE))
                    .or_unable(unable)?;
                if let Some(before) = self.mapping.origin(id) {
                    keep_instances(&origin(before), to.as_fd(), &service.name).or_unable(unable)?;
                }
            }
        }
        Ok(())
    }

    /// Removes the old services that don't keep running from the scan directory, and tells their supervisors to exit.
    fn release_supervisors(&self, old: &[u8]) {
        let kept: Vec<(Id, &[u8])> =
            self.longruns().filter_map(|(id, s)| Some((self.kept(id)?, s.name.as_slice()))).collect();
        for (id, service) in (0..).zip(self.old_database.services()).filter(|(_, s)| is_supervised(s)) {
            let link = join(&self.made.scandir, &[self.made.prefix.as_slice(), &service.name].concat());
            match kept.iter().find(|(old, _)| *old == id) {
                Some((_, name)) if *name == service.name => {}
                Some(_) => {
                    let _ = sys::fs::unlink(&link);
                }
                None => {
                    let _ = sys::fs::unlink(&link);
                    let servicedir = join(&join(old, b"servicedirs"), &service.name);
                    let _ = control::send(&servicedir, &[Command::Exit, Command::Down]);
                }
            }
        }
    }
}

/// The files of a compiled service directory; a live one keeps each only if the compiled one has it.
const PARTS: [&[u8]; 20] = [
    b"run",
    crate::probes::USERS_RUN.as_bytes(),
    wire::probes::FILE.as_bytes(),
    b"finish",
    b"notification-fd",
    b"lock-fd",
    b"timeout-kill",
    b"timeout-finish",
    b"max-death-tally",
    b"down-signal",
    b"reload-signal",
    crate::reload::FILE.as_bytes(),
    b"flag-newpidns",
    b"flag-timeout-killpg",
    b"kill-mode",
    wire::restart_policy::FILE.as_bytes(),
    b"pipe-in",
    b"pipe-out",
    b"data",
    b"env",
];

/// Makes the live service directory of a running daemon the same as the compiled one.
fn replace_servicedir(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let source = open_dir(from, name)?;
    let target = open_dir(to, name)?;
    let wanted = entries(&source)?;
    for entry in &wanted {
        if matches!(entry.name.as_slice(), b"instance" | b"instances") {
            continue;
        }
        // Under another name first: the daemon may be restarted at any moment.
        let fresh = sole_name(&entry.name);
        remove_tree(&target, &fresh)?;
        copy_tree(&source, &entry.name, &target, &fresh, Owners::Kept)?;
        match sys::fs::renameat(&target, &fresh, &target, &entry.name) {
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::ISDIR | Errno::NOTDIR) => {
                if let Some(old) = exchange(&target, &fresh, &entry.name)? {
                    remove_tree(&target, &old)?;
                }
            }
            done => done?,
        }
    }
    for part in PARTS {
        if !wanted.iter().any(|e| e.name == part) {
            remove_tree(&target, part)?;
        }
    }
    Ok(())
}

/// Copies the instances of a service into its next service directory.
fn keep_instances(old: &[u8], to: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    for part in [&b"instance"[..], b"instances"] {
        let Ok(source) = open_dir(CWD, &join(old, part)) else { continue };
        let target = join(name, part);
        if sys::fs::statat(to, &target, AtFlags::empty()).is_err() {
            continue;
        }
        for entry in entries(&source)? {
            match copy_tree(&source, &entry.name, to, &join(&target, &entry.name), Owners::Kept) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(())
}

/// Makes another database of the same services the current one; no service changes its state.
///
/// # Errors
/// Code 4 if the database is damaged or has other services, 111 for the system.
pub(crate) fn upgrade_format(live: &Live, compiled: &[u8]) -> Result<(), Fatal> {
    let new = load(compiled)?;
    let old = live.database();
    let kinds = |d: &Database| -> Map<Vec<u8>, bool> {
        d.services().iter().map(|s| (s.name.clone(), s.is_longrun())).collect()
    };
    if kinds(old) != kinds(&new) {
        let text =
            format!("{} has other services than the current database: use s6-rc-update", show(compiled));
        return Err(Fatal::new(4, text));
    }
    let up = |s: &Service| matches!(old.find(&s.name), Some(Entity::Atomic(id)) if live.is_up(id));
    let state: Vec<u8> = new.services().iter().map(|s| u8::from(up(s))).collect();
    let dir = open_dir(CWD, live.path()).or_unable_to("change", live.path())?;
    let fresh = sole_name(b"state");
    remove_tree(&dir, &fresh)
        .and_then(|()| create(&dir, &fresh, &state, Permissions::Exact(0o644)))
        .and_then(|()| replace_link(&dir, compiled, b"compiled"))
        .and_then(|()| sys::fs::renameat(&dir, &fresh, &dir, "state"))
        .or_unable_to("change", live.path())
}
