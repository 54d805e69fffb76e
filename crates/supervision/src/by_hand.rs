//! What process 1 is told by commands, through its FIFO: who they are, and that they stop a service.
//!
//! A message is one write of fixed length, so that concurrent writes don't mix: a head, whose layout is the reader's, then
//! text and NUL bytes.  A head that begins with [`NOTE`] has no other meaning than its text.  Other messages have more texts
//! behind the first one, each after a NUL byte: the process that sends it and its user, as decimal numbers, and the process's
//! name.

use crate::control::join;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use tool::diag::{self, shown};
use tool::path::split;
use wire::number::decimal;

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

fn texts(message: &[u8; MESSAGE]) -> impl Iterator<Item = &[u8]> {
    message.get(HEAD..).unwrap_or_default().split(|byte| *byte == 0)
}

/// The text of a message, fit to be shown.
#[must_use]
pub fn text(message: &[u8; MESSAGE]) -> String {
    shown(texts(message).next().unwrap_or_default())
}

/// Who has sent a message, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its name.
    pub name: Vec<u8>,
}

impl Sender {
    /// This process.
    #[must_use]
    pub fn own() -> Self {
        let name = files::read_file(CWD, b"/proc/self/comm", 64).unwrap_or_default();
        let (pid, uid) = (std::process::id(), rustix::process::geteuid().as_raw());
        Self { pid, uid, name: name.trim_ascii_end().to_vec() }
    }

    /// The one of a message; `None` if it doesn't say it, or had no room for that.
    #[must_use]
    pub fn of(message: &[u8; MESSAGE]) -> Option<Self> {
        let mut texts = texts(message).skip(1);
        let (pid, uid) = (decimal(texts.next()?)?, decimal(texts.next()?)?);
        let name = texts.next()?.to_vec();
        // What was cut off has no NUL byte behind it.
        texts.next().map(|_| Self { pid, uid, name })
    }

    /// What follows the text of a message.
    #[must_use]
    pub fn fields(&self) -> String {
        ["", &self.pid.to_string(), &self.uid.to_string(), &shown(&self.name)].join("\0")
    }
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
            let sender = Sender { pid: 7, uid: 1000, name: b"halt".to_vec() };
            let whole = message([0; HEAD], &(given.to_owned() + &sender.fields()));
            assert_eq!(
                (text(&whole), Sender::of(&whole)),
                (read.to_owned(), (given != long).then_some(sender))
            );
        }
        let with_nul = |text: &str| text.replace('|', "\0");
        for cut in ["", "a|7", "a|7|", "a|x|1|halt"] {
            assert_eq!(Sender::of(&message([b'h'; HEAD], &with_nul(cut))), None, "{cut:?}");
        }
        let fields = with_nul("|12|34|halt");
        let cut = message([0; HEAD], &("x".repeat(MESSAGE - HEAD - fields.len()) + &fields));
        assert_eq!(Sender::of(&cut), None, "its name may be longer");
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
