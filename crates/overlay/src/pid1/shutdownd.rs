//! `/run/service/s6-linux-init-shutdownd`: what the reference has as a service and process 1 does itself.
//!
//! The directory has what supervised ones have, so that s6-svstat, s6-svok, s6-svwait and loops over the scandir work: the
//! status tells of process 1.  Its `fifo` is process 1's for requests.  A command to the service changes what its
//! status says and sends the events of that, so that no `s6-svc -w` waits for ever; process 1 goes on.

use crate::layout::SHUTDOWND;
use files::{Permissions, Replace, Writers};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use supervision::by_hand::FIFO;
use supervision::fifodir;
use tool::clock;
use wire::control::{Command, ProcessSignal};
use wire::fifodir::ServiceEvent;
use wire::svstatus::Status;

/// What a supervisor would show of its service.
#[derive(Debug)]
pub(crate) struct Shutdownd {
    control: OwnedFd,
    /// Locked as long as it is open, as by a supervisor.
    #[expect(dead_code, reason = "it is held")]
    lock: OwnedFd,
}

impl Shutdownd {
    /// Makes the directory.
    ///
    /// # Errors
    /// Something can't be made.
    pub(crate) fn make() -> Result<Self, Errno> {
        let at = |name: &str| format!("{SHUTDOWND}/{name}");
        for (folder, mode) in [(SHUTDOWND.to_owned(), 0o755), (at("supervise"), 0o700)] {
            sys::fs::mkdir(folder, Mode::from(mode))?;
        }
        sys::fs::mknodat(CWD, at("supervise/control"), FileType::Fifo, Mode::from(0o600), 0)?;
        fifodir::make(at("event").as_bytes(), Some(rustix::process::getegid().as_raw()), false)?;
        sys::fs::symlink(FIFO, at("fifo"))?;
        for (name, content, mode) in [
            ("run", "#!/bin/sh\n# Process 1 does the work of this service.\n", 0o755),
            ("notification-fd", "3\n", 0o644),
            ("supervise/lock", "", 0o644),
            ("supervise/death_tally", "", 0o644),
        ] {
            files::write_file(CWD, at(name).as_bytes(), content.as_bytes(), Permissions::LessUmask(mode))?;
        }
        publish(true)?;
        Self::open()
    }

    /// Opens the directory after a re-execution.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn open() -> Result<Self, Errno> {
        let open = |name: &str| {
            let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
            sys::fs::openat(CWD, format!("{SHUTDOWND}/supervise/{name}"), flags, Mode::empty())
        };
        let lock = open("lock")?;
        sys::lock::try_exclusive(&lock)?;
        Ok(Self { control: open("control")?, lock })
    }

    /// Readable when commands have arrived.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    /// Handles the commands that have arrived.
    pub(crate) fn handle(&self, letters: &[u8]) {
        for letter in letters {
            let Some(command) = Command::from_letter(*letter) else { continue };
            let is_up = supervision::status::read_status(SHUTDOWND.as_bytes()).is_ok_and(|s| s.is_up());
            let events = events(command, is_up);
            let Some(last) = events.last() else { continue };
            let _ = publish(*last == ServiceEvent::Ready);
            let letters: Vec<u8> = events.iter().map(|event| event.letter()).collect();
            let _ = fifodir::notify(format!("{SHUTDOWND}/event").as_bytes(), &letters);
        }
    }
}

/// Writes the status.
fn publish(is_up: bool) -> Result<(), Errno> {
    let now = clock::wall();
    let pid = if is_up { rustix::process::getpid().as_raw_nonzero().get().unsigned_abs() } else { 0 };
    let (paused, finishing) = (false, false);
    let status = Status {
        stamp: now,
        ready_stamp: now,
        pid,
        wstat: 0,
        paused,
        finishing,
        want_up: is_up,
        ready: true,
    };
    let how = Replace::with(Permissions::LessUmask(0o644), Writers::One);
    files::replace_at(CWD, format!("{SHUTDOWND}/supervise/status").as_bytes(), &status.pack(), how)
}

/// The events that a command would lead to.
fn events(command: Command, is_up: bool) -> &'static [ServiceEvent] {
    use ServiceEvent::{Down, DownReady, Ready, Up};
    match command {
        Command::Down | Command::DownForGood | Command::Exit if is_up => &[Down, DownReady],
        Command::Up | Command::UpForGood | Command::Once if !is_up => &[Up, Ready],
        Command::Restart | Command::KillGroup if is_up => &[Down, DownReady, Up, Ready],
        Command::Signal(
            ProcessSignal::Kill
            | ProcessSignal::Terminate
            | ProcessSignal::Interrupt
            | ProcessSignal::Quit
            | ProcessSignal::Abort
            | ProcessSignal::Hangup,
        ) if is_up => &[Down, DownReady, Up, Ready],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_the_events_that_its_sender_may_wait_for() {
        let letters = |letter: u8, is_up| -> String {
            let command = Command::from_letter(letter).unwrap();
            events(command, is_up).iter().map(|event| char::from(event.letter())).collect()
        };
        for (letter, when_up, when_down) in [
            (b'd', "dD", ""),
            (b'u', "", "uU"),
            (b'r', "dDuU", ""),
            (b't', "dDuU", ""),
            (b'k', "dDuU", ""),
            (b'x', "dD", ""),
            (b'p', "", ""),
            (b'a', "", ""),
        ] {
            assert_eq!(
                (letters(letter, true).as_str(), letters(letter, false).as_str()),
                (when_up, when_down)
            );
        }
    }
}
