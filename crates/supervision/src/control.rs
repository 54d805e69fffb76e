//! Commands to supervisors and hosts through their control FIFOs, and whether one of them reads the FIFO.
//!
//! Works on the directories of any supervisor that keeps the reference's files.

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::fmt;
use sys::signal::{self, Signal};
use wire::control::{Command, ProcessSignal, ScanCommand};

/// The subdirectory of a service directory that its supervisor keeps.
pub const SUPERVISE: &[u8] = b"supervise";

/// The mark of a service directory that its host can't supervise for now: too many services, too few descriptors.
pub const REFUSED: &str = "supervise/refused";

/// At most so many bytes has the name of a service that a scan directory takes, unless its host is told otherwise.
pub const NAME_MAX: usize = 251;

/// The subdirectory of a scan directory that its host keeps.
pub const SVSCAN: &[u8] = b".s6-svscan";

/// The service of a scan directory that logs what no other logger does; its own standard error is the console.
pub const CATCH_ALL: &str = "s6-svscan-log";

/// Why commands did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undelivered {
    /// No process reads the FIFO: no supervisor, or no host, runs on the directory.
    NobodyListens,
    /// No supervisor, or no host, has ever run on the directory.
    NotThere,
    /// The system refused.
    Failed(Errno),
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NobodyListens => "nobody reads its commands",
            Self::NotThere => "it was never started",
            Self::Failed(e) => sys::strerror(*e),
        })
    }
}

/// The service of a scan directory that finds out what definitions ask with `ready` and `live`, and the name of the pair of sockets
/// that its host keeps for it: what it may not lose.
pub const PROBES: &str = "s6-overlay-probes";

/// `dir` and the path components `rest`, joined by slashes.
#[must_use]
pub fn join(dir: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let mut path = dir.to_vec();
    for part in rest {
        path.push(b'/');
        path.extend_from_slice(part);
    }
    path
}

/// Sends commands to the supervisor of `servicedir`, in one write(2).
///
/// Without commands, only checks whether a supervisor reads the FIFO.
///
/// # Errors
/// Why nothing arrived.
pub fn send(servicedir: &[u8], commands: &[Command]) -> Result<(), Undelivered> {
    write_letters(servicedir, SUPERVISE, &commands.iter().map(|c| c.letter()).collect::<Vec<_>>())
}

/// Sends commands to the host of `scandir`, in one write(2).
///
/// Without commands, only checks whether a host reads the FIFO.
///
/// # Errors
/// Why nothing arrived.
pub fn send_to_host(scandir: &[u8], commands: &[ScanCommand]) -> Result<(), Undelivered> {
    write_letters(scandir, SVSCAN, &commands.iter().map(|c| c.letter()).collect::<Vec<_>>())
}

fn write_letters(dir: &[u8], subdir: &[u8], letters: &[u8]) -> Result<(), Undelivered> {
    let fifo = join(dir, &[subdir, b"control"]);
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = match sys::fs::open(fifo, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NXIO) => return Err(Undelivered::NobodyListens),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ISDIR) => return Err(why_not_there(dir, subdir)),
        Err(e) => return Err(Undelivered::Failed(e)),
    };
    if letters.is_empty() {
        return Ok(());
    }
    let write = || rustix::io::retry_on_intr(|| rustix::io::write(&fd, letters));
    let written = match write() {
        // The FIFO is full: the write waits until the reader has made room.
        Err(Errno::AGAIN) => rustix::fs::fcntl_setfl(&fd, OFlags::empty()).and_then(|()| write()),
        written => written,
    };
    written.map(drop).map_err(Undelivered::Failed)
}

/// A directory that exists but was never supervised counts as one without a reader.
fn why_not_there(dir: &[u8], subdir: &[u8]) -> Undelivered {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = match sys::fs::openat(CWD, dir, flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(e) => return Undelivered::Failed(e),
    };
    match sys::fs::openat(dir, subdir, flags, Mode::empty()) {
        Err(Errno::NOENT) => Undelivered::NobodyListens,
        _ => Undelivered::NotThere,
    }
}

/// Whether a supervisor runs on the service directory.
///
/// # Errors
/// The lock file exists and cannot be read.
pub fn is_supervised(dir: &[u8]) -> Result<bool, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match sys::fs::open(join(dir, &[SUPERVISE, b"lock"]), flags, Mode::empty()) {
        Ok(fd) => sys::lock::is_locked(fd),
        Err(Errno::NOENT) => Ok(false),
        Err(e) => Err(e),
    }
}

/// The number of a signal.
#[must_use]
pub fn signal_number(which: ProcessSignal) -> Signal {
    match which {
        ProcessSignal::Alarm => signal::ALRM,
        ProcessSignal::Abort => signal::ABRT,
        ProcessSignal::Quit => signal::QUIT,
        ProcessSignal::Hangup => signal::HUP,
        ProcessSignal::Kill => signal::KILL,
        ProcessSignal::Terminate => signal::TERM,
        ProcessSignal::Interrupt => signal::INT,
        ProcessSignal::User1 => signal::USR1,
        ProcessSignal::User2 => signal::USR2,
        ProcessSignal::Window => signal::WINCH,
        ProcessSignal::Stop => signal::STOP,
        ProcessSignal::Continue => signal::CONT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::FileType;
    use std::os::unix::ffi::OsStrExt;
    use wire::control::COMMANDS;

    #[test]
    fn signals_of_letters() {
        let rows = COMMANDS.iter().filter_map(|row| {
            let (signal, target) = row.sends?;
            let number = signal_number(signal);
            Some(format!("{} {} {target:?}\n", char::from(row.letter), signal::name(number)?))
        });
        insta::assert_snapshot!(rows.collect::<String>());
    }

    /// A directory with a control FIFO in `subdir`.
    fn with_fifo(subdir: &str) -> (tempfile::TempDir, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(subdir)).unwrap();
        let fifo = dir.path().join(subdir).join("control");
        sys::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let path = dir.path().as_os_str().as_bytes().to_vec();
        (dir, path)
    }

    #[test]
    fn commands_arrive_as_letters() {
        let (dir, path) = with_fifo("supervise");
        assert_eq!(send(&path, &[]), Err(Undelivered::NobodyListens));
        let reader = sys::fs::open(
            dir.path().join("supervise/control"),
            OFlags::RDONLY | OFlags::NONBLOCK,
            Mode::empty(),
        )
        .unwrap();
        assert_eq!(send(&path, &[]), Ok(()));
        assert_eq!(send(&path, &[Command::Exit, Command::Down]), Ok(()));
        let mut letters = [0; 8];
        assert_eq!(rustix::io::read(&reader, &mut letters), Ok(2));
        assert_eq!(&letters[..2], b"xd");
    }

    #[test]
    fn what_was_never_supervised_has_no_listener() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().as_os_str().as_bytes();
        assert_eq!(send(path, &[Command::Up]), Err(Undelivered::NobodyListens));
        std::fs::create_dir(dir.path().join(".s6-svscan")).unwrap();
        assert_eq!(send_to_host(path, &[ScanCommand::Scan]), Err(Undelivered::NotThere));
        assert_eq!(send(&join(path, &[b"none"]), &[]), Err(Undelivered::Failed(Errno::NOENT)));
    }

    #[test]
    fn a_locked_directory_is_supervised() {
        let (dir, path) = with_fifo("supervise");
        assert_eq!(is_supervised(&path), Ok(false));
        let lock = std::fs::File::create(dir.path().join("supervise/lock")).unwrap();
        assert_eq!(is_supervised(&path), Ok(false));
        assert_eq!(sys::lock::try_exclusive(&lock), Ok(true));
        assert_eq!(is_supervised(&path), Ok(true));
    }
}
