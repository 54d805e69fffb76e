//! The settings of a service: files in its directory, read at the moment when they count.
//!
//! A file that cannot be read or has an invalid value causes a warning, and the default counts.  A file's value is its
//! first line without the blanks at its end; a carriage return is a blank.

use super::machine::{DOWN_SIGNAL, FINISH_TIMEOUT, Settings};
use files::read_file;
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use sys::signal::{self, Signal};
use tool::diag;
use wire::restart_policy::{self, RestartPolicy};

/// The longest first line of a number or signal file, in bytes.
const LINE: usize = 64;

/// The longest name of a pipe, in bytes.
const PIPE_NAME: usize = 1024;

/// The only word in `kill-mode`: what is left of the session of `run` ends with it.
const KILL_SESSION: &[u8] = b"session";

/// An open service directory.
#[derive(Debug)]
pub(crate) struct ServiceDir {
    fd: OwnedFd,
    /// The name in front of warnings.
    label: String,
}

impl From<ServiceDir> for OwnedFd {
    fn from(dir: ServiceDir) -> Self {
        dir.fd
    }
}

impl ServiceDir {
    /// The directory behind `fd` of the service `name`.
    pub(crate) fn new(fd: OwnedFd, name: &[u8]) -> Self {
        Self { fd, label: format!("s6-supervise {}", diag::show(name)) }
    }

    /// The name in front of warnings.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Prints a warning about the service.
    pub(super) fn warn(&self, text: impl Display) {
        diag::warn(&self.label, text);
    }

    /// Prints `unable to DO: REASON` about the service.
    pub(crate) fn warn_unable(&self, to_do: &str, e: Errno) {
        self.warn(format_args!("unable to {to_do}: {}", sys::strerror(e)));
    }

    /// Whether the directory has an entry of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        match sys::fs::accessat(&self.fd, name, rustix::fs::Access::EXISTS, AtFlags::empty()) {
            Ok(()) => true,
            Err(Errno::NOENT) => false,
            Err(e) => {
                self.warn_unable(&format!("access {name}"), e);
                false
            }
        }
    }

    fn read_first_line(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, Errno> {
        read_first_line(self.fd.as_fd(), name, limit)
    }

    fn number_in(&self, name: &str, line: &[u8]) -> Option<u32> {
        let number = wire::number::decimal(line);
        if number.is_none() {
            self.warn(format_args!("invalid {name}: \"{}\" is not a number", diag::show(line)));
        }
        number
    }

    /// The number in a file.
    ///
    /// # Errors
    /// The file can't be read for lack of descriptors or memory, which may pass.
    pub(super) fn number_unless_short(&self, name: &str) -> Result<Option<u32>, Errno> {
        let line = self.line_unless_short(name)?;
        Ok(line.and_then(|line| self.number_in(name, &line)))
    }

    /// The first line of a file; one that can't be read for lack of descriptors or memory is an error.
    fn line_unless_short(&self, name: &str) -> Result<Option<Vec<u8>>, Errno> {
        match self.read_first_line(name, LINE) {
            Err(e @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::IO)) => Err(e),
            Err(e) => {
                self.warn_unable(&format!("read {name}"), e);
                Ok(None)
            }
            Ok(line) => Ok(line),
        }
    }

    /// The descriptor number in a file: above 0 and below the limit on open files.
    ///
    /// # Errors
    /// The file can't be read for lack of descriptors or memory, which may pass: without it, a service would never be ready.
    pub(super) fn descriptor(&self, name: &str, limit: u64) -> Result<Option<i32>, Errno> {
        let Some(number) = self.number_unless_short(name)? else { return Ok(None) };
        match i32::try_from(number) {
            Ok(n) if n > 0 && u64::from(number) < limit => Ok(Some(n)),
            _ => {
                self.warn(format_args!("invalid {name}: no descriptor can have the number {number}"));
                Ok(None)
            }
        }
    }

    fn milliseconds(&self, name: &str, default: Duration) -> Result<Option<Duration>, Errno> {
        let given = self.number_unless_short(name)?.map(|ms| Duration::from_millis(ms.into()));
        Ok(Some(given.unwrap_or(default)).filter(|time| !time.is_zero()))
    }

    fn signal(&self, name: &str, default: Signal) -> Result<Signal, Errno> {
        let Some(line) = self.line_unless_short(name)? else { return Ok(default) };
        Ok(signal::parse(&line).unwrap_or_else(|| {
            self.warn(format_args!("invalid {name}: \"{}\" is not a signal", diag::show(&line)));
            default
        }))
    }
}

fn read_first_line(dir: BorrowedFd<'_>, name: &str, limit: usize) -> Result<Option<Vec<u8>>, Errno> {
    match read_file(dir, name.as_bytes(), limit) {
        Ok(bytes) => {
            let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
            Ok(Some(line.trim_ascii_end().to_vec()))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The name of a pipe in a file of a service directory; `None` without one.
///
/// # Errors
/// The file can't be read: without its pipes a service is not the same.
pub(crate) fn pipe_name(dir: BorrowedFd<'_>, name: &str) -> Result<Option<Vec<u8>>, Errno> {
    Ok(read_first_line(dir, name, PIPE_NAME)?.filter(|n| !n.is_empty()))
}

impl AsFd for ServiceDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Settings for ServiceDir {
    fn down_signal(&mut self) -> Result<Signal, Errno> {
        self.signal("down-signal", DOWN_SIGNAL)
    }

    fn reload_signal(&mut self) -> Result<Signal, Errno> {
        self.signal("reload-signal", signal::HUP)
    }

    fn kill_timeout(&mut self) -> Result<Option<Duration>, Errno> {
        self.milliseconds("timeout-kill", Duration::ZERO)
    }

    fn kills_group(&mut self) -> bool {
        self.has("flag-timeout-killpg")
    }

    fn finish_timeout(&mut self) -> Result<Option<Duration>, Errno> {
        self.milliseconds("timeout-finish", FINISH_TIMEOUT)
    }

    fn kills_session(&mut self) -> bool {
        let Some(mode) = self.line_unless_short("kill-mode").unwrap_or_else(|_| {
            // There is one mode only, and to see that there is a file takes no descriptor.
            let found = sys::fs::statat(&self.fd, "kill-mode", AtFlags::empty());
            found.is_ok_and(|st| st.st_size > 0).then(|| KILL_SESSION.to_vec())
        }) else {
            return false;
        };
        if mode != KILL_SESSION {
            self.warn(format_args!(
                "invalid kill-mode: \"{}\" is not a mode: write session",
                diag::show(&mode)
            ));
        }
        mode == KILL_SESSION
    }

    fn policy(&mut self) -> Result<Option<RestartPolicy>, Errno> {
        // One byte more than it may have tells that it is too long.
        match read_file(&self.fd, restart_policy::FILE.as_bytes(), restart_policy::SIZE_MAX.saturating_add(1))
        {
            Ok(bytes) => {
                let policy = RestartPolicy::unpack(&bytes);
                if policy.is_none() {
                    self.warn("restart-policy is damaged, or of another version: the service is restarted as without it");
                }
                Ok(policy)
            }
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn notifies_readiness(&mut self) -> bool {
        self.has("notification-fd")
    }

    fn random(&mut self) -> u64 {
        let mut bytes = [0; 8];
        sys::random::fill_distinct(&mut bytes);
        u64::from_ne_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults() {
        let tmp = tempfile::tempdir().unwrap();
        let mut dir = ServiceDir::new(std::fs::File::open(tmp.path()).unwrap().into(), b"a");
        assert_eq!((dir.down_signal(), dir.reload_signal()), (Ok(signal::TERM), Ok(signal::HUP)));
        assert_eq!((dir.kill_timeout(), dir.kills_group(), dir.kills_session()), (Ok(None), false, false));
        assert_eq!(dir.finish_timeout(), Ok(Some(Duration::from_secs(5))));
        assert_eq!(
            (dir.descriptor("notification-fd", 1024), pipe_name(dir.as_fd(), "pipe-in")),
            (Ok(None), Ok(None))
        );
    }

    #[test]
    fn files_override_the_defaults() {
        let tmp = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(tmp.path().join(name), text).unwrap();
        let mut dir = ServiceDir::new(std::fs::File::open(tmp.path()).unwrap().into(), b"a");
        write("down-signal", "SIGINT\r\nmore");
        write("reload-signal", "usr1");
        write("flag-timeout-killpg", "");
        write("timeout-kill", "250\n");
        write("kill-mode", "session\n");
        write("timeout-finish", "0");
        write("notification-fd", "3 \n");
        assert_eq!(
            (dir.down_signal(), dir.kill_timeout()),
            (Ok(signal::INT), Ok(Some(Duration::from_millis(250))))
        );
        assert_eq!(
            (dir.reload_signal(), dir.kills_group(), dir.kills_session()),
            (Ok(signal::USR1), true, true)
        );
        write("kill-mode", "group");
        assert!(!dir.kills_session());
        assert_eq!(dir.finish_timeout(), Ok(None));
        assert_eq!(dir.descriptor("notification-fd", 1024), Ok(Some(3)));
        assert_eq!(dir.descriptor("notification-fd", 3), Ok(None));
        for bad in ["", "0", "-1", "3x", "99999999999999999999"] {
            write("notification-fd", bad);
            assert_eq!(dir.descriptor("notification-fd", 1024), Ok(None), "{bad}");
        }
        write("down-signal", "SIGNONE");
        assert_eq!(dir.down_signal(), Ok(signal::TERM));
    }
}
