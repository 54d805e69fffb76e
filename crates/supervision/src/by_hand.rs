//! What process 1 is told by commands, through its FIFO: who they are, and that they stop a service.
//!
//! A message is one write of fixed length, so that concurrent writes don't mix: a head, whose layout is the reader's, then
//! text and NUL bytes.  A head that begins with [`NOTE`] has no other meaning than its text.

use crate::control::join;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use tool::diag::{self, show};
use tool::path::split;

/// The FIFO of process 1, mode 0600, owned by the container's user.
pub const FIFO: &str = "/run/s6/shutdown";

/// The length of a message in bytes.
pub const MESSAGE: usize = 256;

/// The length of its head.
pub const HEAD: usize = 14;

/// The first byte of the head of a note.
pub const NOTE: u8 = b'n';

/// The bytes of a message.
#[must_use]
pub fn message(head: [u8; HEAD], text: &str) -> [u8; MESSAGE] {
    let mut bytes = [0; MESSAGE];
    for (place, byte) in bytes.iter_mut().zip(head.into_iter().chain(text.bytes())) {
        *place = byte;
    }
    bytes
}

/// The text of a message, fit to be shown.
#[must_use]
pub fn text(message: &[u8; MESSAGE]) -> String {
    let text = message.get(HEAD..).unwrap_or_default();
    show(text.split(|byte| *byte == 0).next().unwrap_or_default())
}

/// Opens a FIFO for a message.
///
/// # Errors
/// `NOENT` or `NXIO`: no process reads it; `ACCESS`: it belongs to another user.
pub fn open(fifo: &str) -> Result<rustix::fd::OwnedFd, Errno> {
    sys::fs::openat(CWD, fifo, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
}

/// This process, its user and its parent, for messages: the parent is often a script, which tells more.
#[must_use]
pub fn sender() -> String {
    let (own, uid) = (diag::process(std::process::id()), rustix::process::geteuid().as_raw());
    match rustix::process::getppid() {
        Some(parent) => {
            let parent = diag::process(parent.as_raw_nonzero().get().unsigned_abs());
            format!("process {own}, UID {uid}, started by {parent}")
        }
        // As for `docker exec`.
        None => format!("process {own}, UID {uid}, started from outside of it"),
    }
}

/// Tells process 1, for the container's log, that this process does something to services, such as `stop: web`.
///
/// Nothing happens where no process 1 listens to this user.
pub fn note(deed: &str) {
    if let Ok(fifo) = open(FIFO) {
        let mut head = [0; HEAD];
        head[0] = NOTE;
        let text = format!("{deed}, by {}", sender());
        let _ = rustix::io::retry_on_intr(|| rustix::io::write(&fifo, &message(head, &text)));
    }
}

/// The name of the service of the container whose directory this is; `None` if it belongs to another scan directory.
#[must_use]
pub fn name_in_container(dir: &[u8]) -> Option<Vec<u8>> {
    let own = sys::fs::stat(dir).ok()?;
    let path = match split(dir).1 {
        b"." | b"" => rustix::process::getcwd(Vec::new()).ok()?.into_bytes(),
        _ => dir.to_vec(),
    };
    let name = split(&path).1;
    let there = sys::fs::stat(join(crate::naming::SCANDIR, &[name])).ok()?;
    ((own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)).then(|| name.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_and_shown() {
        let long = "x".repeat(MESSAGE);
        for (given, read) in [("", ""), ("stop: web", "stop: web"), ("a\tb", "a\\tb"), (&long, &long[HEAD..])]
        {
            assert_eq!(text(&message([0; HEAD], given)), read);
        }
        assert_eq!(message([NOTE; HEAD], "")[..HEAD], [b'n'; HEAD]);
        assert_eq!(FIFO, "/run/s6/shutdown");
    }

    #[test]
    fn a_sender_says_which_user_it_is() {
        let uid = rustix::process::geteuid().as_raw();
        assert!(sender().starts_with(&format!("process {} (", std::process::id())), "{}", sender());
        assert!(sender().contains(&format!("), UID {uid}, started ")), "{}", sender());
    }
}
