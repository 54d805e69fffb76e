//! Shutdown requests: what `halt` and its relatives write to the FIFO of process 1.
//!
//! A request is a message ([`by_hand`]) with this head:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | `h` halt, `p` power off, `r` reboot, `S` only bring the services down, `c` cancel what is scheduled |
//! | 1 | 1: at once, without an orderly stop; else 0 |
//! | 2–9 | delay in milliseconds, big-endian |
//! | 10–13 | milliseconds between SIGTERM and SIGKILL at the end, big-endian; 0: as configured |
//! | 14–255 | the caller: a text for messages, and who it is ([`by_hand`]), then NUL bytes |

use rustix::io::Errno;
use rustix::system::RebootCommand;
use supervision::by_hand::{self, FIFO, HEAD, MESSAGE, NOTE, Sender};

/// The FIFO of s6-linux-init-shutdownd, in a system that s6-linux-init booted.
const SHUTDOWND_FIFO: &str = "/run/service/s6-linux-init-shutdownd/fifo";

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
    pub fn pack(self) -> [u8; HEAD] {
        let mut out = [0; HEAD];
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
    pub fn unpack(bytes: &[u8; HEAD]) -> Option<Self> {
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

/// A message from the FIFO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request, what its caller says, and who that is.
    Request(Request, String, Option<Sender>),
    /// What a command does to services, and who it is: [`by_hand::note`].
    Note(String),
}

/// Reads a message from the FIFO; `None` if it is malformed.
#[must_use]
pub fn read_message(bytes: &[u8; MESSAGE]) -> Option<Message> {
    let (head, _) = bytes.split_first_chunk::<HEAD>()?;
    let text = by_hand::text(bytes);
    if head.first() == Some(&NOTE) {
        return Some(Message::Note(text));
    }
    Some(Message::Request(Request::unpack(head)?, text, Sender::of(bytes)))
}

/// Sends a request to process 1, or else to s6-linux-init-shutdownd.
///
/// # Errors
/// `NOENT` or `NXIO`: no process reads requests; `ACCESS`: the container belongs to another user.
pub fn send(request: Request) -> Result<(), Errno> {
    let fifo = match by_hand::open(FIFO) {
        Err(Errno::NOENT | Errno::NXIO) => by_hand::open(SHUTDOWND_FIFO)?,
        opened => opened?,
    };
    let text = by_hand::sender() + &Sender::own().fields();
    let message = by_hand::message(request.pack(), &text);
    match rustix::io::retry_on_intr(|| rustix::io::write(&fifo, &message))? {
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
        let own = Sender::own();
        let read = read_message(&by_hand::message(stop.pack(), &("7 (halt)".to_owned() + &own.fields())));
        assert_eq!(own.pid, std::process::id());
        assert_eq!(read, Some(Message::Request(stop, "7 (halt)".to_owned(), Some(own))));
        let note = read_message(&by_hand::message([NOTE; HEAD], "stop: web"));
        assert_eq!(note, Some(Message::Note("stop: web".to_owned())));
        assert_eq!(read_message(&[b'x'; MESSAGE]), None);
    }

    #[test]
    fn malformed_requests_are_refused() {
        assert_eq!(Request::unpack(&[0; HEAD]), None);
        assert_eq!(Request::unpack(&[b'X'; HEAD]), None);
    }
}
