//! Descriptors by their number, for programs that deal with the numbers themselves: those that a caller left open, and
//! those that the next program expects.
//!
//! No value in this process (`OwnedFd`, `File`) may own the number while it is closed or replaced here.

use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

fn result(rc: libc::c_int) -> Result<libc::c_int, Errno> {
    if rc == -1 { Err(crate::errno::last()) } else { Ok(rc) }
}

/// Closes the descriptor; one that isn't open is no error.
pub fn close(fd: RawFd) {
    // SAFETY: closing a number touches no memory; by contract no value owns it.
    unsafe { libc::close(fd) };
}

/// Whether the descriptor is open.
#[must_use]
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: asks for flags.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// Opens /dev/null at those of the numbers 0, 1 and 2 that are closed, so that no file that is opened later gets them.
///
/// # Errors
/// /dev/null can't be opened.
pub fn ensure_standard() -> Result<(), Errno> {
    for number in 0..3 {
        if !is_open(number) {
            let null = crate::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty())?;
            place(null, number)?;
        }
    }
    Ok(())
}

/// Makes `to` a copy of `from` that the next program inherits; `to` is closed first if it is open.
///
/// # Errors
/// `BADF` if `from` isn't open or `to` can't be a descriptor.
pub fn copy(from: RawFd, to: RawFd) -> Result<(), Errno> {
    copy_with(from, to, false)
}

/// As [`copy`]; whether exec closes `to`.
fn copy_with(from: RawFd, to: RawFd, close_on_exec: bool) -> Result<(), Errno> {
    if from == to {
        let flag = if close_on_exec { libc::FD_CLOEXEC } else { 0 };
        // SAFETY: changes the descriptor's own flag.
        return result(unsafe { libc::fcntl(from, libc::F_SETFD, flag) }).map(drop);
    }
    let flag = if close_on_exec { libc::O_CLOEXEC } else { 0 };
    loop {
        // SAFETY: by contract no value owns `to`.
        match result(unsafe { libc::dup3(from, to, flag) }) {
            Err(Errno::INTR | Errno::BUSY) => {}
            done => return done.map(drop),
        }
    }
}

/// Moves `from` to the number `to`; the next program inherits `to`.
///
/// # Errors
/// As [`copy`].
pub fn rename(from: RawFd, to: RawFd) -> Result<(), Errno> {
    copy(from, to)?;
    if from != to {
        close(from);
    }
    Ok(())
}

/// Moves an owned descriptor to the number `to`, for the next program to inherit.
///
/// # Errors
/// As [`copy`].
pub fn place(fd: OwnedFd, to: RawFd) -> Result<(), Errno> {
    rename(fd.into_raw_fd(), to)
}

/// A close-on-exec copy of the descriptor with this number, at the lowest free number from `above` on.
///
/// # Errors
/// `BADF` if it isn't open, `MFILE` if there is no free number.
pub fn duplicate(fd: RawFd, above: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: makes a fresh descriptor.
    let new = result(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, above) })?;
    // SAFETY: a fresh descriptor that no other value owns.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

/// Takes ownership of an inherited descriptor, which is close-on-exec from then on.
///
/// By contract no value owns the number yet.
///
/// # Errors
/// `BADF` if it isn't open.
pub fn adopt(fd: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: changes the descriptor's own flag.
    result(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and by contract no other value owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets or removes the mark that makes exec close the descriptor; a number that isn't open is no error.
pub fn set_close_on_exec(fd: RawFd, yes: bool) {
    // SAFETY: changes the descriptor's own flag.
    unsafe { libc::fcntl(fd, libc::F_SETFD, if yes { libc::FD_CLOEXEC } else { 0 }) };
}

/// The numbers from 3 up of the descriptors that aren't close-on-exec, in their order: what this process inherited and
/// the next program inherits.
#[must_use]
pub fn inherited() -> Vec<RawFd> {
    // SAFETY: asks for flags.
    let is_inherited = |fd: &RawFd| *fd >= 3 && unsafe { libc::fcntl(*fd, libc::F_GETFD) } == 0;
    match open_numbers() {
        Ok(numbers) => numbers.into_iter().filter(is_inherited).collect(),
        Err(_) => guessed_from(3).filter(is_inherited).collect(),
    }
}

/// Marks every descriptor from `first` up close-on-exec, also those that other code opened.
///
/// Without close_range(2), which came with Linux 5.9, each one is marked.
pub fn close_on_exec_from(first: u32) {
    // SAFETY: sets a flag on descriptors and closes none.
    if unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } != 0 {
        for_each_from(first, |fd| {
            // SAFETY: sets a flag; a number that isn't open is an error without an effect.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        });
    }
}

/// Closes every descriptor from `first` up, also those that other code opened: for a forked child that shares nothing with
/// its parent.
///
/// By contract no value that owns one of them is used or dropped afterwards.
pub fn close_from(first: u32) {
    close_from_except(first, &[]);
}

/// As [`close_from`], but the descriptors with the numbers of `kept`, which are in their order, stay open.
pub fn close_from_except(first: u32, kept: &[RawFd]) {
    let mut next = first;
    let ends = kept.iter().map(|fd| fd.unsigned_abs()).filter(|fd| *fd >= first).chain([u32::MAX]);
    for end in ends {
        // What is kept is no part of a range; the last number can't be a descriptor.
        let Some(last) = end.checked_sub(1).filter(|last| *last >= next) else {
            next = end.saturating_add(1);
            continue;
        };
        // SAFETY: closing numbers touches no memory; by contract no value uses them any more.
        if unsafe { libc::syscall(libc::SYS_close_range, next, last, 0) } != 0 {
            return for_each_from(next, |fd| {
                if !kept.contains(&fd) {
                    close(fd);
                }
            });
        }
        next = end.saturating_add(1);
    }
}

/// The numbers that are tried where nothing tells which are open.
const GUESSED: u64 = 65_536;

/// Calls `act` with every open descriptor from `first` up; without /proc, also with numbers that aren't open.
fn for_each_from(first: u32, act: impl Fn(RawFd)) {
    match open_numbers() {
        Ok(numbers) => numbers.into_iter().filter(|fd| fd.unsigned_abs() >= first).for_each(act),
        Err(_) => guessed_from(first).for_each(act),
    }
}

/// The numbers from `first` up that descriptors probably have.
fn guessed_from(first: u32) -> impl Iterator<Item = RawFd> {
    let limit = crate::limit::get(rustix::process::Resource::Nofile).current.unwrap_or(GUESSED);
    (first..u32::try_from(limit.min(GUESSED)).unwrap_or_default()).map(u32::cast_signed)
}

/// The numbers of all open descriptors, in their order.
///
/// # Errors
/// /proc isn't there.
pub fn open_numbers() -> Result<Vec<RawFd>, Errno> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = crate::fs::open("/proc/self/fd", flags, Mode::empty())?;
    let own = dir.as_raw_fd();
    let mut numbers = Vec::new();
    for entry in rustix::fs::Dir::new(dir)? {
        let number = entry?.file_name().to_str().ok().and_then(|name| name.parse::<RawFd>().ok());
        numbers.extend(number.filter(|fd| *fd != own));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Turns blocking mode on or off for the open file behind the descriptor.
///
/// # Errors
/// `BADF` if it isn't open.
pub fn set_blocking(fd: RawFd, blocking: bool) -> Result<(), Errno> {
    // SAFETY: asks for flags.
    let flags = result(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    let changed = if blocking { flags & !libc::O_NONBLOCK } else { flags | libc::O_NONBLOCK };
    // SAFETY: sets flags.
    result(unsafe { libc::fcntl(fd, libc::F_SETFL, changed) }).map(drop)
}

/// Gives `f` the descriptor with this number as a value, if it is open.
///
/// # Errors
/// `BADF` if it isn't open, and what `f` fails with.
pub fn with<T>(fd: RawFd, f: impl FnOnce(BorrowedFd<'_>) -> Result<T, Errno>) -> Result<T, Errno> {
    if !is_open(fd) {
        return Err(Errno::BADF);
    }
    // SAFETY: open, and nothing else runs in this process that could close it while `f` does.
    f(unsafe { BorrowedFd::borrow_raw(fd) })
}

/// Makes all copies of `moves` (from, to) as if at once: no descriptor is overwritten before it is copied.
///
/// # Errors
/// As [`copy`].
pub fn copy_all(moves: &[(RawFd, RawFd)]) -> Result<(), Errno> {
    copy_all_with(moves, RawFd::MAX)
}

/// Makes all copies as [`copy_all`] does, and closes all other descriptors from `first` on.  Gives the copies from there on,
/// which are close-on-exec, in the order of their numbers.
///
/// By contract no value owns any descriptor from `first` on.
///
/// # Errors
/// As [`copy`].
pub fn take_all(moves: &[(RawFd, RawFd)], first: RawFd) -> Result<Vec<OwnedFd>, Errno> {
    copy_all_with(moves, first)?;
    let mut numbers: Vec<RawFd> = moves.iter().map(|(_, to)| *to).filter(|to| *to >= first).collect();
    numbers.sort_unstable();
    close_from_except(first.unsigned_abs(), &numbers);
    // SAFETY: they were made just now, and by contract no value owns them.
    Ok(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}

/// As [`copy_all`]; those from `first` on are close-on-exec.
fn copy_all_with(moves: &[(RawFd, RawFd)], first: RawFd) -> Result<(), Errno> {
    let copy = |from: RawFd, to: RawFd| copy_with(from, to, to >= first);
    let above = moves.iter().map(|(_, to)| to.saturating_add(1)).max().unwrap_or(0);
    let mut aside = Vec::new();
    for (from, to) in moves {
        if from != to && *from < above {
            aside.push((duplicate(*from, above)?, *to));
        }
    }
    for (from, to) in moves {
        if from == to || *from >= above {
            copy(*from, *to)?;
        }
    }
    aside.iter().try_for_each(|(from, to)| copy(from.as_raw_fd(), *to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn pipe() -> (OwnedFd, OwnedFd) {
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap()
    }

    #[test]
    fn copies_can_cross() {
        let (r, w) = pipe();
        let (from, to) = (r.as_raw_fd(), w.as_raw_fd());
        copy_all(&[(from, to), (to, from)]).unwrap();
        // Each value now owns the other end.
        rustix::io::write(&r, b"x").unwrap();
        drop(r);
        let mut text = String::new();
        std::fs::File::from(w).read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
    }

    #[test]
    fn all_but_what_is_kept_is_closed() {
        let in_child = |deny: bool| {
            let deny = |number: libc::c_long| crate::seccomp::Denied {
                x86_64: u32::try_from(number).ok().filter(|_| deny),
                i386: None,
                error: 1,
            };
            crate::seccomp::deny(&[deny(libc::SYS_close_range)]).ok()?;
            let (reader, _writer) = pipe();
            let number = reader.as_raw_fd();
            for to in [600, 601, 602, 605, 607] {
                copy(number, to).ok()?;
            }
            set_close_on_exec(605, true);
            let inherited = inherited();
            close_from_except(600, &[7, 601, 602, 607]);
            let left: Vec<_> = open_numbers().ok()?.into_iter().filter(|fd| *fd >= 600).collect();
            close_from(602);
            close_on_exec_from(600);
            let last: Vec<_> = open_numbers().ok()?.into_iter().filter(|fd| *fd >= 600).collect();
            let wanted =
                [600, 601, 602, 607].iter().all(|fd| inherited.contains(fd)) && !inherited.contains(&605);
            (wanted && left == [601, 602, 607] && last == [601] && !super::inherited().contains(&601))
                .then_some(())
        };
        for deny in [false, true] {
            match crate::process::fork().unwrap() {
                crate::process::Fork::Child => crate::process::exit(in_child(deny).is_none().into()),
                crate::process::Fork::Parent(pid) => {
                    assert_eq!(crate::process::wait_for(pid).unwrap().code(), 0, "denied: {deny}");
                }
            }
        }
    }

    #[test]
    fn what_is_closed_is_an_error() {
        let (r, _w) = pipe();
        let free = duplicate(r.as_raw_fd(), 900).unwrap().into_raw_fd();
        assert!(is_open(free));
        close(free);
        assert!(!is_open(free));
        assert_eq!(copy(free, 901), Err(Errno::BADF));
        assert_eq!(set_blocking(free, true), Err(Errno::BADF));
        assert_eq!(with(free, |_| Ok(())), Err(Errno::BADF));
    }
}
