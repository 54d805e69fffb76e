//! Links service directories into a live scan directory and unlinks them again.

use crate::control::{self, SVSCAN, Undelivered, join};
use crate::{fifodir, watch::Watch};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use tool::clock::Moment;
use tool::diag::show;
use tool::sorted::Set;
use tool::{Fatal, Options, OrUnable};
use wire::control::{Command, ScanCommand};
use wire::fifodir::ServiceEvent;

/// How a service directory is linked into a scan directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Set the permissions of an existing `event` directory, too.
    pub force_event: bool,
    /// Let everybody subscribe to events.
    pub public: bool,
    /// Don't start the service: make a `down` file.
    pub down: bool,
    /// Remove the `down` files once supervisors run.
    pub remove_down: bool,
    /// Make the link to the path as given, even if it is relative.
    pub verbatim: bool,
}

impl How {
    /// As the options `-d`, `-D`, `-f` and `-P` of a command say.
    #[must_use]
    pub fn of_options(options: &Options, verbatim: bool) -> Self {
        let down = options.last_of("dD");
        Self {
            force_event: options.has('f'),
            public: options.has('P'),
            down: down.is_some(),
            remove_down: down == Some('d'),
            verbatim,
        }
    }
}

/// Whether a host runs on the scan directory.
///
/// # Errors
/// Code 111: the lock cannot be checked.
pub fn is_hosted(scandir: &[u8]) -> Result<bool, Fatal> {
    let lock = join(scandir, &[SVSCAN, b"lock"]);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = sys::fs::open(&lock, flags, Mode::empty()).or_unable_to("open", &lock)?;
    sys::lock::is_locked(fd).or_unable_to("check lock on", &lock)
}

/// The service directory and, if it has one, its logger's.
fn with_logger(dir: &[u8]) -> Result<Vec<Vec<u8>>, Fatal> {
    let log = join(dir, &[b"log"]);
    match sys::fs::stat(&log) {
        Ok(st) if FileType::from_raw_mode(st.st_mode).is_dir() => Ok(vec![dir.to_vec(), log]),
        Ok(_) => Err(Fatal::user(format_args!("{} is not a directory", show(&log)))),
        Err(Errno::NOENT) => Ok(vec![dir.to_vec()]),
        Err(e) => Err(Fatal::unable(format_args!("stat {}", show(&log)), e)),
    }
}

fn real_path(path: &[u8]) -> Result<Vec<u8>, Fatal> {
    std::fs::canonicalize(std::ffi::OsStr::from_bytes(path))
        .map(|p| p.into_os_string().into_vec())
        .or_unable_to("resolve", path)
}

fn is_supervised(dir: &[u8]) -> Result<bool, Fatal> {
    control::is_supervised(dir).or_unable_to("check supervision of", dir)
}

/// Waits until every fifodir with an index below `count` has got `event`; `false` after the deadline.
fn wait_for_all(
    watch: &mut Watch,
    count: usize,
    event: ServiceEvent,
    deadline: Option<Moment>,
) -> Result<bool, Fatal> {
    let mut missing: Set<usize> = Set::new();
    missing.extend(0..count);
    while !missing.is_empty() {
        match watch.next(deadline).or_unable(|| "wait for supervisors")? {
            None => return Ok(false),
            Some((index, letters)) => {
                if event.is_in(&letters) {
                    missing.remove(&index);
                }
            }
        }
    }
    Ok(true)
}

/// Links `servicedir` into `scandir` as `name`, and waits until supervisors run on it and its logger.
///
/// # Errors
/// Code 99: they don't by the deadline, and the link is removed.  100: a directory isn't fit for supervision; 111:
/// the system failed.
pub fn link(
    scandir: &[u8],
    servicedir: &[u8],
    name: &[u8],
    how: How,
    deadline: Option<Moment>,
) -> Result<(), Fatal> {
    let dirs = with_logger(servicedir)?;
    let supervised = is_supervised(servicedir)?;
    let mut watch = Watch::new().or_unable(|| "make a poller")?;
    let new: &[Vec<u8>] = if supervised { &[] } else { &dirs };
    for dir in new {
        if how.down {
            let down = join(dir, &[b"down"]);
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
            sys::fs::open(&down, flags, Mode::from_raw_mode(0o666)).or_unable_to("make", &down)?;
        }
        let event = join(dir, &[b"event"]);
        let gid = (!how.public).then(|| rustix::process::getegid().as_raw());
        fifodir::make(&event, gid, how.force_event).or_unable_to("make", &event)?;
        watch.add(&event).or_unable_to("subscribe to", &event)?;
    }
    let target = if how.verbatim { servicedir.to_vec() } else { real_path(servicedir)? };
    let place = join(scandir, &[name]);
    match sys::fs::symlink(target.as_slice(), &place) {
        Ok(()) => {}
        Err(Errno::EXIST) if supervised => {}
        Err(e) => return Err(Fatal::unable(format_args!("link {}", show(&place)), e)),
    }
    let begun = tell(scandir, &[ScanCommand::Scan])
        .and_then(|()| wait_for_all(&mut watch, new.len(), ServiceEvent::Supervised, deadline));
    let failure = match begun {
        Ok(true) => None,
        Ok(false) => Some(Fatal::new(99, "timed out while waiting for the supervisor")),
        Err(fatal) => Some(fatal),
    };
    if how.remove_down || failure.is_some() && how.down {
        for dir in new {
            let _ = sys::fs::unlink(join(dir, &[b"down"]));
        }
    }
    let Some(failure) = failure else { return Ok(()) };
    if !supervised {
        let _ = sys::fs::unlink(&place);
        for dir in new {
            let _ = control::send(dir, &[Command::Exit, Command::Down]);
        }
    }
    Err(failure)
}

/// Sends commands to a scan directory's host, with an error that names the directory.
fn tell(scandir: &[u8], commands: &[ScanCommand]) -> Result<(), Fatal> {
    let name = show(scandir);
    control::send_to_host(scandir, commands).map_err(|e| match e {
        Undelivered::Failed(e) => Fatal::unable(format_args!("control {name}"), e),
        _ => Fatal::new(111, format_args!("unable to control {name}: no s6-svscan is listening")),
    })
}

/// Removes the link `name` from `scandir`, which ends its supervision; with `wait`, waits until the supervisors have
/// exited or the deadline has passed.
///
/// # Errors
/// Code 111: the state of the service cannot be determined.
pub fn unlink(scandir: &[u8], name: &[u8], wait: bool, deadline: Option<Moment>) -> Result<(), Fatal> {
    let place = join(scandir, &[name]);
    let mut watch = Watch::new().or_unable(|| "make a poller")?;
    let mut count = 0_usize;
    if wait {
        for dir in with_logger(&place)? {
            if is_supervised(&dir)?
                && let Ok(event) = real_path(&join(&dir, &[b"event"]))
                && watch.add(&event).is_ok()
            {
                count = count.saturating_add(1);
            }
        }
    }
    match sys::fs::unlinkat(CWD, &place, rustix::fs::AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(e) => return Err(Fatal::unable(format_args!("unlink {}", show(&place)), e)),
    }
    // Without a host, no supervisor will exit.
    if tell(scandir, &[ScanCommand::Scan, ScanCommand::Prune]).is_ok() {
        wait_for_all(&mut watch, count, ServiceEvent::Exit, deadline)?;
    }
    Ok(())
}
