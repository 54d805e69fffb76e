//! The client's side of an fd holder.

use crate::unix_message::{Message, Receiver, Sender, receive, send_all};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use tool::clock::{self, Moment};
use tool::{Fatal, OrUnable};
use wire::fdholder::{Entry, Request, decode_dump, decode_entries, decode_list, decode_parts, parts};
use wire::tai::Tai64n;
use wire::unix_message::MAX_FDS;

/// The limit of an answer in bytes: enough for a list of 65535 identifiers.
const ANSWER_MAX: usize = 16 << 20;

/// A descriptor of a dump.
#[derive(Debug)]
pub struct Held {
    /// Its name and its limit.
    pub entry: Entry,
    /// The descriptor.
    pub fd: Rc<OwnedFd>,
}

/// A connection to an fd holder.
///
/// The methods' errors are the error numbers that the server answers ([`refused`] says what they mean), or:
/// `PIPE` if it closes the connection, `PROTO` if it speaks another protocol, `TIMEDOUT` after the deadline,
/// `NAMETOOLONG` or `INVAL` for what can't be an identifier.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
    sender: Sender,
    receiver: Receiver,
    deadline: Option<Moment>,
}

/// Connects a command to the server at a path; the time-out in milliseconds, 0 for none, covers all its operations.
///
/// # Errors
/// Code 111: there is no server.
pub fn connect(path: &[u8], timeout: Option<u32>) -> Result<Connection, Fatal> {
    Connection::open(path, clock::deadline(timeout)).or_unable_to("connect to an fd holder at", path)
}

/// The error of a command whose operation failed: code 1.
#[must_use]
pub fn refused(to_do: &str, e: Errno) -> Fatal {
    Fatal::new(1, format_args!("unable to {to_do}: {}", explain(e)))
}

/// What an error of an operation means in this protocol.
fn explain(e: Errno) -> String {
    let text = sys::strerror(e);
    let meaning = match e {
        Errno::PIPE => "the server closed the connection: its rules don't let this user in",
        Errno::PERM => "the server's rules don't allow it to this user",
        Errno::BUSY => "the identifier is in use",
        Errno::NOENT => "nothing is held under this identifier",
        Errno::NFILE => {
            "more descriptors than the server may hold or this process may open: see -n, and the open file limits"
        }
        Errno::NAMETOOLONG => "an identifier has at most 255 bytes",
        Errno::INVAL => "an identifier has at least one byte, and no NUL",
        Errno::PROTO => "the server is no fd holder",
        _ => return text.to_owned(),
    };
    format!("{text} ({meaning})")
}

impl Connection {
    /// Connects to the server at a path.
    ///
    /// # Errors
    /// As connect(2); `TIMEDOUT` after the deadline.
    pub fn open(path: &[u8], deadline: Option<Moment>) -> Result<Self, Errno> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let timeout = deadline.map(|deadline| deadline.saturating_sub(clock::now()));
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(Errno::TIMEDOUT);
        }
        // A full queue makes connect(2) wait.
        set_socket_timeout(&socket, Timeout::Send, timeout)?;
        match net::connect(&socket, &SocketAddrUnix::new(path)?) {
            Err(Errno::AGAIN | Errno::INPROGRESS) => Err(Errno::TIMEDOUT),
            done => done.map(|()| Self::on(socket, deadline)),
        }
    }

    /// The connection of a socket that is connected already.
    #[must_use]
    pub fn on(socket: OwnedFd, deadline: Option<Moment>) -> Self {
        Self { socket, sender: Sender::default(), receiver: Receiver::new(ANSWER_MAX, MAX_FDS), deadline }
    }

    /// Sends a request and returns the answer.
    fn ask(&mut self, request: &Request, fds: Vec<Rc<OwnedFd>>) -> Result<Message, Errno> {
        let content = request.encode().ok_or(Errno::INVAL)?;
        self.sender.put(&content, fds)?;
        send_all(self.socket.as_fd(), &mut self.sender, self.deadline)?;
        receive(self.socket.as_fd(), &mut self.receiver, self.deadline)
    }

    /// Sends a request whose answer has `fds` descriptors; returns what follows the answer's first byte.
    fn run(
        &mut self,
        request: &Request,
        sent: Vec<Rc<OwnedFd>>,
        fds: usize,
    ) -> Result<(Vec<u8>, Vec<OwnedFd>), Errno> {
        let message = self.ask(request, sent)?;
        match message.bytes.split_first() {
            Some((0, rest)) if message.fds.len() == fds => Ok((rest.to_vec(), message.fds)),
            Some((code, [])) if *code != 0 && message.fds.is_empty() => {
                Err(Errno::from_raw_os_error(i32::from(*code)))
            }
            _ => Err(Errno::PROTO),
        }
    }

    fn run_plain(&mut self, request: &Request, sent: Vec<Rc<OwnedFd>>) -> Result<(), Errno> {
        let (rest, _) = self.run(request, sent, 0)?;
        if rest.is_empty() { Ok(()) } else { Err(Errno::PROTO) }
    }

    /// Stores a descriptor.
    ///
    /// # Errors
    /// See [`Connection`].
    pub fn store(&mut self, id: &[u8], fd: OwnedFd, limit: Tai64n) -> Result<(), Errno> {
        let entry = Entry { limit, id: checked(id)? };
        self.run_plain(&Request::Store(entry), vec![Rc::new(fd)])
    }

    /// Deletes a descriptor from the store.
    ///
    /// # Errors
    /// See [`Connection`].
    pub fn delete(&mut self, id: &[u8]) -> Result<(), Errno> {
        self.run_plain(&Request::Delete(checked(id)?), Vec::new())
    }

    /// Retrieves a copy of a descriptor, close-on-exec; with `delete`, it is deleted from the store.
    ///
    /// # Errors
    /// See [`Connection`].
    pub fn retrieve(&mut self, id: &[u8], delete: bool) -> Result<OwnedFd, Errno> {
        let request = Request::Retrieve { id: checked(id)?, delete };
        let (_, mut fds) = self.run(&request, Vec::new(), 1)?;
        fds.pop().ok_or(Errno::PROTO)
    }

    /// All identifiers.
    ///
    /// # Errors
    /// See [`Connection`].
    pub fn list(&mut self) -> Result<Vec<Vec<u8>>, Errno> {
        let (rest, _) = self.run(&Request::List, Vec::new(), 0)?;
        decode_list(&rest).ok_or(Errno::PROTO)
    }

    /// Copies of all descriptors, close-on-exec.
    ///
    /// # Errors
    /// See [`Connection`].
    pub fn get_dump(&mut self) -> Result<Vec<Held>, Errno> {
        let (rest, _) = self.run(&Request::GetDump, Vec::new(), 0)?;
        let total = decode_dump(&rest).ok_or(Errno::PROTO)?;
        let mut dump = Vec::new();
        for _ in 0..parts(total) {
            let message = receive(self.socket.as_fd(), &mut self.receiver, self.deadline)?;
            let entries = decode_entries(&message.bytes).ok_or(Errno::PROTO)?;
            if entries.is_empty() || entries.len() != message.fds.len() || dump.len() + entries.len() > total
            {
                return Err(Errno::PROTO);
            }
            let held = entries.into_iter().zip(message.fds);
            dump.extend(held.map(|(entry, fd)| Held { entry, fd: Rc::new(fd) }));
        }
        if dump.len() == total { Ok(dump) } else { Err(Errno::PROTO) }
    }

    /// Stores all of these, in place of those with the same identifiers.
    ///
    /// # Errors
    /// See [`Connection`].
    pub fn set_dump(&mut self, dump: &[Held]) -> Result<(), Errno> {
        if dump.is_empty() {
            return Ok(());
        }
        for held in dump {
            checked(&held.entry.id)?;
        }
        let total = u32::try_from(dump.len()).map_err(|_| Errno::NFILE)?;
        let (rest, _) = self.run(&Request::SetDump(total), Vec::new(), 0)?;
        if decode_parts(&rest) != Some(parts(dump.len())) {
            return Err(Errno::PROTO);
        }
        let mut chunks = dump.chunks(MAX_FDS).peekable();
        while let Some(chunk) = chunks.next() {
            let entries = chunk.iter().map(|held| held.entry.clone()).collect();
            let fds = chunk.iter().map(|held| Rc::clone(&held.fd)).collect();
            let wanted = if chunks.peek().is_some() { Err(Errno::AGAIN) } else { Ok(()) };
            match self.run_plain(&Request::Part(entries), fds) {
                done if done == wanted => {}
                Ok(()) | Err(Errno::AGAIN) => return Err(Errno::PROTO),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// An identifier, if it can be one.
fn checked(id: &[u8]) -> Result<Vec<u8>, Errno> {
    match id.len() {
        0 => Err(Errno::INVAL),
        1..=wire::fdholder::ID_MAX => Ok(id.to_vec()),
        _ => Err(Errno::NAMETOOLONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_16_mib_at_most() {
        assert_eq!(ANSWER_MAX, 16_777_216);
    }

    #[test]
    fn an_identifier_has_1_to_255_bytes() {
        let length = |n: usize| checked(&vec![b'x'; n]).map(|id| id.len());
        assert_eq!([length(0), length(1), length(255)], [Err(Errno::INVAL), Ok(1), Ok(255)]);
        assert_eq!(length(256), Err(Errno::NAMETOOLONG));
    }
}
