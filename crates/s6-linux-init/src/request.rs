//! Shutdown requests: what `halt` and its relatives write into the FIFO of the container's first process.
//!
//! A request is one write of fixed length, so that writers don't mix:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | `h` halt, `p` power off, `r` reboot, `c` cancel a planned one |
//! | 1 | 1: at once, without an orderly stop; else 0 |
//! | 2–9 | milliseconds from now until it begins, big-endian |
//! | 10–13 | milliseconds between TERM and KILL at the end, big-endian; 0: as configured |

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::system::RebootCommand;

/// The FIFO, mode 0600, owned by the user that the container runs as.
pub const FIFO: &str = "/run/s6/shutdown";

/// The FIFO of s6-linux-init-shutdownd, in a system that s6-linux-init started.
const SHUTDOWND_FIFO: &str = "/run/service/s6-linux-init-shutdownd/fifo";

/// Length of a request in bytes.
pub const LENGTH: usize = 14;

/// What becomes of the container when everything has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The first process exits with the code of the container's results.
    Halt,
    /// As the kernel tells a power-off of a pid namespace: killed by SIGINT.
    PowerOff,
    /// As the kernel tells a restart of a pid namespace: killed by SIGHUP.
    Reboot,
}

impl How {
    /// reboot(2): ends the machine, or in a container its pid namespace; then it doesn't come back for process 1.
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
        /// The end.
        how: How,
        /// Without an orderly stop.
        now: bool,
        /// Milliseconds until it begins.
        delay: u64,
        /// Milliseconds between TERM and KILL; 0: as configured.
        grace: u32,
    },
    /// Forget a planned stop.
    Cancel,
}

impl Request {
    /// An orderly stop that begins at once.
    #[must_use]
    pub fn stop(how: How) -> Self {
        Self::Stop { how, now: false, delay: 0, grace: 0 }
    }

    /// The bytes of the request.
    #[must_use]
    pub fn pack(self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        let (letter, force, delay, grace) = match self {
            Self::Cancel => (b'c', false, 0, 0),
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

    /// From the bytes of one request; `None` if they are none.
    #[must_use]
    pub fn unpack(bytes: &[u8; LENGTH]) -> Option<Self> {
        let (&[letter, force], tail) = bytes.split_first_chunk::<2>()?;
        let (delay, grace) = tail.split_first_chunk::<8>()?;
        let how = match letter {
            b'c' => return Some(Self::Cancel),
            b'h' => How::Halt,
            b'p' => How::PowerOff,
            b'r' => How::Reboot,
            _ => return None,
        };
        let grace = u32::from_be_bytes(grace.try_into().ok()?);
        Some(Self::Stop { how, now: force == 1, delay: u64::from_be_bytes(*delay), grace })
    }
}

/// Sends a request to the container's first process, or to s6-linux-init-shutdownd.
///
/// # Errors
/// `NOENT` or `NXIO`: nobody listens; `ACCESS`: another user's container.
pub fn send(request: Request) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = |path| sys::fs::openat(CWD, path, flags, Mode::empty());
    let fifo = match open(FIFO) {
        Err(Errno::NOENT | Errno::NXIO) => open(SHUTDOWND_FIFO)?,
        opened => opened?,
    };
    match rustix::io::retry_on_intr(|| rustix::io::write(&fifo, &request.pack()))? {
        LENGTH => Ok(()),
        _ => Err(Errno::IO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_wire() {
        for r in [
            Request::Cancel,
            Request::stop(How::Halt),
            Request::Stop { how: How::Reboot, now: true, delay: 1 << 40, grace: 77 },
        ] {
            assert_eq!(Request::unpack(&r.pack()), Some(r));
        }
    }

    #[test]
    fn other_bytes_are_no_request() {
        assert_eq!(Request::unpack(&[0; LENGTH]), None);
        assert_eq!(Request::unpack(&[b'S'; LENGTH]), None);
    }
}
