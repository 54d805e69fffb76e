//! Shutdown requests: what `halt` and its relatives write to the FIFO of process 1.
//!
//! A request is one write of fixed length, so that concurrent writes don't mix:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | `h` halt, `p` power off, `r` reboot, `S` only bring the services down, `c` cancel what is scheduled |
//! | 1 | 1: at once, without an orderly stop; else 0 |
//! | 2–9 | delay in milliseconds, big-endian |
//! | 10–13 | milliseconds between SIGTERM and SIGKILL at the end, big-endian; 0: as configured |
//! | 14–255 | the caller, for messages: text, then NUL bytes |

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::system::RebootCommand;
use tool::diag;

/// The FIFO of process 1, mode 0600, owned by the container's user.
pub const FIFO: &str = "/run/s6/shutdown";

/// The FIFO of s6-linux-init-shutdownd, in a system that s6-linux-init booted.
const SHUTDOWND_FIFO: &str = "/run/service/s6-linux-init-shutdownd/fifo";

/// The length of a request in bytes, without the caller.
pub const LENGTH: usize = 14;

/// The length of what is written to the FIFO, in bytes.
pub const MESSAGE: usize = 256;

/// How the container ends when everything has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Process 1 exits with the container's exit code.
    Halt,
    /// As by reboot(2) in a pid namespace: process 1 is killed by SIGINT.
    PowerOff,
    /// As by reboot(2) in a pid namespace: process 1 is killed by SIGHUP.
    Reboot,
}

impl How {
    /// Calls reboot(2), which ends the machine or the pid namespace; on success it doesn't return to process 1.
    ///
    /// # Errors
    /// `PERM` without CAP_SYS_BOOT.
    pub fn reboot(self) -> Result<(), Errno> {
        rustix::system::reboot(match self {
            Self::Halt => RebootCommand::Halt,
            Self::PowerOff => RebootCommand::PowerOff,
            Self::Reboot => RebootCommand::Restart,
        })
    }
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Stop.
    Stop {
        /// How to end.
        how: How,
        /// Whether to stop at once, without an orderly shutdown.
        now: bool,
        /// Milliseconds until the stop begins.
        delay: u64,
        /// Milliseconds between SIGTERM and SIGKILL; 0: as configured.
        grace: u32,
    },
    /// Bring the services down; everything else goes on.
    ServicesDown {
        /// Milliseconds until then.
        delay: u64,
    },
    /// Cancel what is scheduled.
    Cancel,
}

impl Request {
    /// An orderly stop that begins at once.
    #[must_use]
    pub fn stop(how: How) -> Self {
        Self::Stop { how, now: false, delay: 0, grace: 0 }
    }

    /// The same without a delay.
    #[must_use]
    pub fn at_once(self) -> Self {
        match self {
            Self::Stop { how, now, grace, .. } => Self::Stop { how, now, delay: 0, grace },
            Self::ServicesDown { .. } => Self::ServicesDown { delay: 0 },
            Self::Cancel => Self::Cancel,
        }
    }

    /// The bytes of the request.
    #[must_use]
    pub fn pack(self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        let (letter, force, delay, grace) = match self {
            Self::Cancel => (b'c', false, 0, 0),
            Self::ServicesDown { delay } => (b'S', false, delay, 0),
            Self::Stop { how, now, delay, grace } => {
                let letter = match how {
                    How::Halt => b'h',
                    How::PowerOff => b'p',
                    How::Reboot => b'r',
                };
                (letter, now, delay, grace)
            }
        };
        let (head, tail) = out.split_at_mut(2);
        head.copy_from_slice(&[letter, u8::from(force)]);
        let (d, g) = tail.split_at_mut(8);
        d.copy_from_slice(&delay.to_be_bytes());
        g.copy_from_slice(&grace.to_be_bytes());
        out
    }

    /// From the bytes of one request; `None` if they are malformed.
    #[must_use]
    pub fn unpack(bytes: &[u8; LENGTH]) -> Option<Self> {
        let (&[letter, force], tail) = bytes.split_first_chunk::<2>()?;
        let (delay, grace) = tail.split_first_chunk::<8>()?;
        let delay = u64::from_be_bytes(*delay);
        let how = match letter {
            b'c' => return Some(Self::Cancel),
            b'S' => return Some(Self::ServicesDown { delay }),
            b'h' => How::Halt,
            b'p' => How::PowerOff,
            b'r' => How::Reboot,
            _ => return None,
        };
        let grace = u32::from_be_bytes(grace.try_into().ok()?);
        Some(Self::Stop { how, now: force == 1, delay, grace })
    }
}

/// A message from the FIFO: the request, and its caller; `None` if it is malformed.
#[must_use]
pub fn read_message(bytes: &[u8; MESSAGE]) -> Option<(Request, String)> {
    let (request, by) = bytes.split_first_chunk::<LENGTH>()?;
    let by = by.split(|byte| *byte == 0).next().unwrap_or_default();
    Some((Request::unpack(request)?, diag::show(by)))
}

/// The bytes of a message.
fn message(request: Request, by: &str) -> [u8; MESSAGE] {
    let mut bytes = [0; MESSAGE];
    let text = by.bytes().take(MESSAGE - LENGTH);
    for (place, byte) in bytes.iter_mut().zip(request.pack().into_iter().chain(text)) {
        *place = byte;
    }
    bytes
}

/// This process and its parent, for messages: the parent is often a script, which tells more.
fn by() -> String {
    let own = diag::process(std::process::id());
    match rustix::process::getppid() {
        Some(parent) => {
            format!(
                "process {own}, started by {}",
                diag::process(parent.as_raw_nonzero().get().unsigned_abs())
            )
        }
        // As for `docker exec`.
        None => format!("process {own}, started from outside of it"),
    }
}

/// Sends a request to process 1, or else to s6-linux-init-shutdownd.
///
/// # Errors
/// `NOENT` or `NXIO`: no process reads requests; `ACCESS`: the container belongs to another user.
pub fn send(request: Request) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = |path| sys::fs::openat(CWD, path, flags, Mode::empty());
    let fifo = match open(FIFO) {
        Err(Errno::NOENT | Errno::NXIO) => open(SHUTDOWND_FIFO)?,
        opened => opened?,
    };
    match rustix::io::retry_on_intr(|| rustix::io::write(&fifo, &message(request, &by())))? {
        MESSAGE => Ok(()),
        _ => Err(Errno::IO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_request_unpacks_to_itself() {
        for r in [
            Request::Cancel,
            Request::stop(How::Halt),
            Request::ServicesDown { delay: 0 },
            Request::ServicesDown { delay: 1 << 40 },
            Request::Stop { how: How::Reboot, now: true, delay: 1 << 40, grace: 77 },
        ] {
            assert_eq!(Request::unpack(&r.pack()), Some(r));
        }
    }

    #[test]
    fn the_layout_of_a_request() {
        assert_eq!(FIFO, "/run/s6/shutdown");
        assert_eq!(SHUTDOWND_FIFO, "/run/service/s6-linux-init-shutdownd/fifo");
        assert_eq!(Request::Cancel.pack(), *b"c\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(Request::ServicesDown { delay: 0x0102 }.pack(), *b"S\0\0\0\0\0\0\0\x01\x02\0\0\0\0");
        assert_eq!(Request::stop(How::Halt).pack(), *b"h\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(Request::stop(How::PowerOff).pack()[0], b'p');
        let request = Request::Stop { how: How::Reboot, now: true, delay: 0x0102_0304, grace: 0x0506 };
        assert_eq!(request.pack(), *b"r\x01\0\0\0\0\x01\x02\x03\x04\0\0\x05\x06");
    }

    #[test]
    fn a_message_says_who_asks() {
        let stop = Request::stop(How::PowerOff);
        let long = "x".repeat(MESSAGE);
        for (by, read) in [("", ""), ("7 (halt)", "7 (halt)"), ("a\tb", "a\\tb"), (&long, &long[LENGTH..])] {
            assert_eq!(read_message(&message(stop, by)), Some((stop, read.to_owned())));
        }
        assert_eq!(read_message(&[b'x'; MESSAGE]), None);
        assert!(by().starts_with(&format!("process {} (", std::process::id())), "{}", by());
    }

    #[test]
    fn malformed_requests_are_refused() {
        assert_eq!(Request::unpack(&[0; LENGTH]), None);
        assert_eq!(Request::unpack(&[b'X'; LENGTH]), None);
    }
}
