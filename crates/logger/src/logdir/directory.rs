//! The files of a log directory: opened, recovered after a crash, archived.

use super::system::{Status, System};
use crate::archive;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tool::diag;
use wire::tai::Tai64n;

/// A result, or what could not be done, and why.
pub type Doing<T> = Result<T, (&'static str, Errno)>;

/// Permissions of a log directory that is made: its group goes to the files in it.
const DIR_MODE: Mode = Mode::from_raw_mode(0o2700);

/// A log directory that was opened.
pub struct Entered<F> {
    pub dir: F,
    pub lock: F,
    pub current: F,
    pub size: u64,
    /// Whether there are archives that weren't there before.
    pub has_archived: bool,
}

/// Opens a log directory, made if it doesn't exist.
pub fn enter<S: System>(system: &S, path: &[u8], mode: Mode) -> Result<Entered<S::File>, (String, Errno)> {
    let shown = diag::show(path);
    match system.make_dir(path, DIR_MODE) {
        Err(Errno::EXIST) => {}
        made => made.map_err(|e| (format!("make directory {shown}"), e))?,
    }
    let dir = system.open_dir(path).map_err(|e| (format!("open directory {shown}"), e))?;
    let lock = system
        .open(&dir, "lock", OFlags::WRONLY | OFlags::CREATE)
        .map_err(|e| (format!("open {shown}/lock"), e))?;
    system.lock(&lock).map_err(|e| {
        let e = if matches!(e, Errno::ACCESS | Errno::AGAIN) { Errno::BUSY } else { e };
        (format!("lock {shown}/lock"), e)
    })?;
    let (current, size, has_archived) =
        recover(system, &dir, mode).map_err(|(what, e)| (format!("{what} in {shown}"), e))?;
    Ok(Entered { dir, lock, current, size, has_archived })
}

/// Archives what an interrupted logger left; returns `current`, its size, and whether there are new archives.
fn recover<S: System>(system: &S, dir: &S::File, mode: Mode) -> Doing<(S::File, u64, bool)> {
    let is_interrupted = !is_finished(system, dir, "current").map_err(|e| ("stat current", e))?;
    let mut has_archived = if is_finished(system, dir, "processed").map_err(|e| ("stat processed", e))? {
        remove(system, dir, b"previous").map_err(|e| ("remove previous", e))?;
        archive(system, dir, "processed", b's').map_err(|e| ("archive processed", e))?
    } else {
        remove(system, dir, b"processed").map_err(|e| ("remove processed", e))?;
        archive(system, dir, "previous", b'u').map_err(|e| ("archive previous", e))?
    };
    remove(system, dir, b"newstate").map_err(|e| ("remove newstate", e))?;
    if is_interrupted {
        has_archived |= archive(system, dir, "current", b'u').map_err(|e| ("archive current", e))?;
        system
            .open(dir, "state", OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)
            .map_err(|e| ("make state", e))?;
    }
    let current = open_current(system, dir, mode).map_err(|e| ("open current", e))?;
    let size = system.status(&current).map_err(|e| ("stat current", e))?.size;
    Ok((current, size, has_archived))
}

/// Opens `current` for appending, made if it doesn't exist, without the mark of being finished.
pub fn open_current<S: System>(system: &S, dir: &S::File, mode: Mode) -> Result<S::File, Errno> {
    let current = system.open(dir, "current", OFlags::RDWR | OFlags::CREATE | OFlags::APPEND)?;
    system.set_append(&current)?;
    system.set_mode(&current, mode)?;
    Ok(current)
}

fn is_finished<S: System>(system: &S, dir: &S::File, name: &str) -> Result<bool, Errno> {
    match system.status_of(dir, name) {
        Err(Errno::NOENT) => Ok(false),
        status => status.map(Status::is_finished),
    }
}

/// Removes a file, if it is there.
pub fn remove<S: System>(system: &S, dir: &S::File, name: &[u8]) -> Result<(), Errno> {
    match system.remove(dir, name) {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

/// Makes an archive of a file, unless it is empty or one already, and removes its old name; returns whether it did.
pub fn archive<S: System>(system: &S, dir: &S::File, name: &str, suffix: u8) -> Result<bool, Errno> {
    let status = match system.status_of(dir, name) {
        Err(Errno::NOENT) => return Ok(false),
        status => status?,
    };
    let is_new = status.links == 1 && status.size > 0;
    if is_new {
        keep(system, dir, name, suffix)?;
    }
    remove(system, dir, name.as_bytes())?;
    Ok(is_new)
}

/// Gives a file the name of an archive; its old name may stay.
fn keep<S: System>(system: &S, dir: &S::File, name: &str, suffix: u8) -> Result<(), Errno> {
    // A clock that was set back would have the newest archive taken for the oldest, and thrown away.
    // Labels from 2^63 on are no times.
    let times = archives(system, dir, false)?.into_iter().filter_map(|(name, _)| Tai64n::from_label(&name));
    let newest = times.filter(|time| time.seconds >> 63 == 0).max();
    let now = system.wall();
    let mut when = newest.map_or(now, |newest| now.max(archive::later(newest)));
    loop {
        match system.rename_to_free(dir, name, &archive::name(when, suffix)) {
            Err(Errno::EXIST) => when = archive::later(when),
            done => return done,
        }
    }
}

/// The names of the archives, and their sizes if these are asked for.
pub fn archives<S: System>(
    system: &S,
    dir: &S::File,
    with_sizes: bool,
) -> Result<Vec<(Vec<u8>, u64)>, Errno> {
    let mut archives = Vec::new();
    system.each_name(dir, &mut |name| {
        if archive::is_archive(name) {
            let size = if with_sizes { system.size_of(dir, name).unwrap_or(0) } else { 0 };
            archives.push((name.to_vec(), size));
        }
    })?;
    Ok(archives)
}

/// How much is copied at once.
const CHUNK: usize = 64 * 1024;

/// Appends all that is in a file to another one; returns how much that was.
pub fn append<S: System>(system: &S, from: &S::File, to: &S::File) -> Result<u64, Errno> {
    let mut buf = vec![0; CHUNK];
    let mut copied = 0;
    loop {
        let n = rustix::io::retry_on_intr(|| system.read_at(from, &mut buf, copied))?;
        if n == 0 {
            return Ok(copied);
        }
        system.write_all(to, buf.get(..n).unwrap_or_default())?;
        copied += n as u64;
    }
}
