//! Running a oneshot's script: directly, or by the host of the scan directory, in its clean environment.
//!
//! The host listens on the stream socket `SCANDIR/.s6-svscan/oneshot` and starts `s6-rc-oneshot-run` with each
//! connection as its standard input.  On the connection:
//!
//! | from | bytes |
//! |---|---|
//! | client | a netstring of netstrings: what to do (`up`, `down`, `reload`), the service's name, the words of the command line; with its first byte, by `SCM_RIGHTS`, the descriptors for 0, 1 and 2 |
//! | runner | when the script has ended, two bytes: `x` and its exit code, or `k` and the signal that killed it, or `?` and an error number if it could not be run |
//! | client | at any time, `t`: send the script SIGTERM and SIGCONT |
//!
//! If a client disconnects without `t`, the script keeps running.

use crate::database::Body;
use crate::database::Service;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::process::Pid;
use std::mem::MaybeUninit;
use sys::process::Ended;
use sys::signal::Set;
use tool::Env;
use tool::path::join;

/// The largest request, in bytes; Linux accepts no longer command line.
const REQUEST_LIMIT: usize = 6 << 20;

/// Asks for the end of the script.
pub(crate) const TERMINATE: u8 = b't';

/// What to do with a oneshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Script {
    /// Stop it.
    Down = 0,
    /// Start it.
    Up = 1,
    /// Reload it.
    Reload = 2,
}

impl Script {
    /// The word for it.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Reload => "reload",
        }
    }

    /// From its word.
    #[must_use]
    pub(crate) fn from_word(word: &[u8]) -> Option<Self> {
        [Self::Up, Self::Down, Self::Reload].into_iter().find(|s| s.word().as_bytes() == word)
    }

    /// The command line of a oneshot for it; empty if there is nothing to do.
    #[must_use]
    pub(crate) fn of(self, service: &Service) -> &[Vec<u8>] {
        match (&service.body, self) {
            (Body::Oneshot { up, .. }, Self::Up) => up,
            (Body::Oneshot { down, .. }, Self::Down) => down,
            (Body::Oneshot { reload, .. }, Self::Reload) => reload,
            (Body::Longrun { .. }, _) => &[],
        }
    }
}

/// A request to run a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// What for.
    pub(crate) script: Script,
    /// The name of the service.
    pub(crate) name: Vec<u8>,
    /// The command line.
    pub(crate) argv: Vec<Vec<u8>>,
}

impl Request {
    /// Its bytes.
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut inner = Vec::new();
        for word in
            [self.script.word().as_bytes(), &self.name].into_iter().chain(self.argv.iter().map(Vec::as_slice))
        {
            wire::netstring::encode(word, &mut inner);
        }
        let mut out = Vec::with_capacity(inner.len() + 12);
        wire::netstring::encode(&inner, &mut out);
        out
    }

    /// From its bytes; `None` if they are anything else.
    #[must_use]
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (inner, b"") = wire::netstring::decode(bytes)? else { return None };
        let words = wire::netstring::decode_all(inner)?;
        let (script, rest) = words.split_first()?;
        let (name, argv) = rest.split_first()?;
        Some(Self {
            script: Script::from_word(script)?,
            name: name.to_vec(),
            argv: argv.iter().map(|w| w.to_vec()).collect(),
        })
    }

    /// The environment of the script.
    #[must_use]
    pub(crate) fn environment(&self, base: &Env) -> Env {
        let mut env = base.clone();
        env.set(b"RC_NAME", &self.name);
        if self.script == Script::Reload {
            env.set(b"RC_RELOAD", b"1");
        }
        env
    }

    /// Runs the script as a child of the program `name`; its program is looked up in `path`.
    ///
    /// `fds` become its descriptors of these numbers; `private` are this process's, which it doesn't see.
    ///
    /// # Errors
    /// It could not be run.
    pub(crate) fn spawn(
        &self,
        name: &str,
        path: Option<&[u8]>,
        base: &Env,
        fds: &[(OwnedFd, RawFd)],
        private: &[BorrowedFd<'_>],
    ) -> Result<Pid, Errno> {
        let moved: Vec<_> = fds.iter().map(|(fd, to)| (fd.as_fd(), *to)).collect();
        // Scripts begin with no signal blocked, whatever their starter does with its own.
        let setup = tool::Setup { fds: &moved, private, mask: Some(Set::empty()) };
        tool::spawn_as(name, path, self.argv.clone(), self.environment(base), &setup)
    }
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It ran and ended.
    Ended(Ended),
    /// It could not be run.
    NotRun(Errno),
}

impl Answer {
    /// Its bytes.
    #[must_use]
    pub(crate) fn encode(self) -> [u8; 2] {
        match self {
            Self::Ended(Ended::Exited(code)) => [b'x', code],
            Self::Ended(Ended::Killed(signal)) => [b'k', signal],
            Self::NotRun(e) => [b'?', u8::try_from(e.raw_os_error()).unwrap_or(u8::MAX)],
        }
    }

    /// From its bytes; `None` if they are anything else.
    #[must_use]
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        Some(match *bytes {
            [b'x', code] => Self::Ended(Ended::Exited(code)),
            [b'k', signal] => Self::Ended(Ended::Killed(signal)),
            [b'?', e] => Self::NotRun(Errno::from_raw_os_error(i32::from(e))),
            _ => return None,
        })
    }
}

/// Connects to the host of a scan directory.
///
/// # Errors
/// `NOENT` or `CONNREFUSED` if no host listens.
pub(crate) fn connect_to_host(scandir: &[u8]) -> Result<OwnedFd, Errno> {
    let address = SocketAddrUnix::new(join(scandir, b".s6-svscan/oneshot"))?;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket)
}

impl Request {
    /// Sends the request and this process's descriptors 0, 1 and 2 to a host, whose answer arrives on the connection.
    ///
    /// # Errors
    /// `CONNRESET` if the host has closed the connection; `NOTSOCK` without a standard stream to hand over.  The script
    /// isn't run.
    pub(crate) fn send(&self, socket: &OwnedFd) -> Result<(), Errno> {
        self.send_all(socket).map_err(|e| if e == Errno::PIPE { Errno::CONNRESET } else { e })
    }

    fn send_all(&self, socket: &OwnedFd) -> Result<(), Errno> {
        let bytes = self.encode();
        let (first, mut rest) = bytes.split_at_checked(1).ok_or(Errno::INVAL)?;
        let null = sys::fs::open(
            "/dev/null",
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        );
        let mut fds = Vec::with_capacity(3);
        for n in 0..3 {
            fds.push(match sys::fd::duplicate(n, 3) {
                Ok(fd) => fd,
                // A closed standard stream is handed over as /dev/null.
                Err(_) => match &null {
                    Ok(null) => rustix::io::fcntl_dupfd_cloexec(null, 3)?,
                    Err(e) => return Err(*e),
                },
            });
        }
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(Errno::NOBUFS);
        }
        rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(socket, &[IoSlice::new(first)], &mut control, SendFlags::NOSIGNAL)
        })?;
        while !rest.is_empty() {
            match rustix::net::send(socket, rest, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                sent => rest = rest.get(sent?..).unwrap_or_default(),
            }
        }
        Ok(())
    }
}

/// Reads a request and three descriptors from a connection.
///
/// # Errors
/// `PROTO` for anything that isn't a request.
pub(crate) fn receive(socket: impl AsFd) -> Result<(Request, Vec<OwnedFd>), Errno> {
    let mut first = [0_u8; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(
            &socket,
            &mut [IoSliceMut::new(&mut first)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            fds.extend(passed);
        }
    }
    if got.bytes != 1 || fds.len() != 3 {
        return Err(Errno::PROTO);
    }
    let mut bytes = first.to_vec();
    let mut wanted = None;
    let mut chunk = [0_u8; 4096];
    loop {
        if wanted.is_none() {
            wanted = total(&bytes)?;
        }
        match wanted {
            Some(n) if bytes.len() >= n => break,
            _ => {}
        }
        // No more than the request: what follows are commands about it.
        let most = wanted.map_or(1, |n| n.saturating_sub(bytes.len())).min(chunk.len());
        let space = chunk.get_mut(..most).ok_or(Errno::PROTO)?;
        match rustix::io::read(&socket, space) {
            Err(Errno::INTR) => {}
            Ok(0) => return Err(Errno::PROTO),
            done => {
                let n = done?;
                bytes.extend_from_slice(chunk.get(..n).unwrap_or_default());
            }
        }
    }
    Request::decode(&bytes).map(|request| (request, fds)).ok_or(Errno::PROTO)
}

/// Reads the runner's answer; a connection that ends without one counts as a script that could not be run.
pub(crate) fn read_answer(socket: BorrowedFd<'_>) -> Answer {
    let mut bytes = [0; 2];
    match rustix::io::retry_on_intr(|| rustix::io::read(socket, &mut bytes)) {
        Ok(2) => Answer::decode(&bytes).unwrap_or(Answer::NotRun(Errno::PROTO)),
        Ok(_) => Answer::NotRun(Errno::PIPE),
        Err(e) => Answer::NotRun(e),
    }
}

/// The length of the netstring that begins with these bytes, its punctuation included; `None` as long as the bytes
/// don't tell.
fn total(bytes: &[u8]) -> Result<Option<usize>, Errno> {
    let Some(colon) = bytes.iter().position(|b| *b == b':') else {
        return if bytes.len() > 8 { Err(Errno::PROTO) } else { Ok(None) };
    };
    let length: usize = bytes.get(..colon).and_then(wire::number::decimal).ok_or(Errno::PROTO)?;
    if length > REQUEST_LIMIT { Err(Errno::PROTO) } else { Ok(Some(colon + length + 2)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let argv = vec![b"echo".to_vec(), Vec::new(), b"a:b,c".to_vec()];
        Request { script: Script::Down, name: b"x".to_vec(), argv }
    }

    #[test]
    fn requests_and_answers_have_known_bytes() {
        assert_eq!(request().encode(), b"29:4:down,1:x,4:echo,0:,5:a:b,c,,".as_slice());
        assert_eq!(Request::decode(&request().encode()), Some(request()));
        for answer in
            [Answer::Ended(Ended::Exited(7)), Answer::Ended(Ended::Killed(9)), Answer::NotRun(Errno::NOENT)]
        {
            assert_eq!(Answer::decode(&answer.encode()), Some(answer));
        }
        assert_eq!(Answer::decode(b"x"), None);
    }

    #[test]
    fn hostile_requests_are_refused() {
        for bad in [&b""[..], b"0:,", b"7:4:down,,", b"12:4:down,1:x,,y", b"14:6:upward,1:x,,"] {
            assert_eq!(Request::decode(bad), None, "{bad:?}");
        }
        assert_eq!(total(b"99999999:"), Err(Errno::PROTO));
        assert_eq!(total(b"123456789"), Err(Errno::PROTO));
        assert_eq!(total(b"12"), Ok(None));
        assert_eq!((total(b"6291456:"), total(b"6291457:")), (Ok(Some(6_291_465)), Err(Errno::PROTO)));
    }

    #[test]
    fn the_environment_names_the_service() {
        let env = request().environment(&Env::new());
        assert_eq!(env.vars(), [b"RC_NAME=x".to_vec()]);
        let reload = Request { script: Script::Reload, ..request() }.environment(&Env::new());
        assert_eq!(reload.get(b"RC_RELOAD"), Some(&b"1"[..]));
    }

    #[test]
    fn a_request_travels_over_a_socket_with_its_descriptors() {
        let (a, b) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .unwrap();
        let bytes = request().encode();
        let (first, rest) = bytes.split_at(1);
        let fds = [a.as_fd(), a.as_fd(), a.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        rustix::net::sendmsg(&a, &[IoSlice::new(first)], &mut control, SendFlags::empty()).unwrap();
        rustix::io::write(&a, &[rest, b"t"].concat()).unwrap();
        let (got, fds) = receive(&b).unwrap();
        assert_eq!((got, fds.len()), (request(), 3));
        let mut command = [0; 4];
        assert_eq!(rustix::io::read(&b, &mut command), Ok(1), "commands stay in the socket");
    }
}
