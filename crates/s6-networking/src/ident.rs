//! IDENT (RFC 1413): asks a host which of its users owns a connection.
//!
//! A query is a line `PORT , PORT`, the port of the host that is asked first.  The answer is also a line:
//! `PORT , PORT : USERID : SYSTEM : USER` or `PORT , PORT : ERROR : REASON`.  It is not trustworthy.

use crate::socket::{connect_until, socket_for, wait};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send};
use std::fmt;
use std::net::SocketAddr;
use tool::clock::Moment;
use wire::number;

/// The port of IDENT servers.
const PORT: u16 = 113;

/// The limit of an answer's line in bytes: RFC 1413.
const MAX_LINE: usize = 1000;
/// The limit of a user's name in bytes: RFC 1413.
const MAX_USER: usize = 512;

/// The answer of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The user: any bytes but NUL and newlines.
    User(Vec<u8>),
    /// No user, for this reason.
    Refusal(Refusal),
}

/// Why a server names no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A port of the query is invalid.
    InvalidPort,
    /// The connection doesn't exist, or belongs to no user.
    NoUser,
    /// The user asked to stay hidden.
    HiddenUser,
    /// The server gives no reason, or closed the connection without an answer.
    Unknown,
    /// A reason that isn't in RFC 1413: it begins with X.
    Extended,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidPort => "invalid port",
            Self::NoUser => "no user holds this connection",
            Self::HiddenUser => "the user is hidden",
            Self::Unknown => "unknown error",
            Self::Extended => "an error of its own kind",
        })
    }
}

/// Parses a line without its newline; `None` if it isn't an answer to a query about these ports.
#[must_use]
pub fn parse(line: &[u8], remote_port: u16, local_port: u16) -> Option<Answer> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut fields = line.splitn(3, |b| *b == b':');
    let (ports, kind, rest) = (fields.next()?, fields.next()?, fields.next()?);
    let mut ports = ports.splitn(2, |b| *b == b',').map(|p| number::decimal::<u16>(p.trim_ascii()));
    if (ports.next()??, ports.next()??) != (remote_port, local_port) {
        return None;
    }
    match kind.trim_ascii() {
        b"USERID" => {
            let colon = rest.iter().position(|b| *b == b':')?;
            let user = rest.get(colon + 1..)?;
            let user = user.strip_prefix(b" ").or_else(|| user.strip_prefix(b"\t")).unwrap_or(user);
            let is_valid = user.len() <= MAX_USER && !user.iter().any(|b| matches!(b, 0 | b'\n' | b'\r'));
            is_valid.then(|| Answer::User(user.to_vec()))
        }
        b"ERROR" => Some(Answer::Refusal(match rest.trim_ascii() {
            b"INVALID-PORT" => Refusal::InvalidPort,
            b"NO-USER" => Refusal::NoUser,
            b"HIDDEN-USER" => Refusal::HiddenUser,
            b"UNKNOWN-ERROR" => Refusal::Unknown,
            reason if reason.starts_with(b"X") => Refusal::Extended,
            _ => return None,
        })),
        _ => None,
    }
}

/// Asks the host of `remote` which user owns its end of the connection to `local`.
///
/// # Errors
/// `AFNOSUPPORT` for addresses of two families, `TIMEDOUT` when the deadline passes, `PROTO` for a malformed answer,
/// and errors of the network.
pub(crate) fn ask(remote: SocketAddr, local: SocketAddr, deadline: Option<Moment>) -> Result<Answer, Errno> {
    if remote.is_ipv4() != local.is_ipv4() {
        return Err(Errno::AFNOSUPPORT);
    }
    let socket = socket_for(remote.ip(), SocketType::STREAM, SocketFlags::NONBLOCK)?;
    bind(&socket, &SocketAddr::new(local.ip(), 0))?;
    connect_until(&socket, SocketAddr::new(remote.ip(), PORT), deadline)?;
    let query = format!("{} , {}\r\n", remote.port(), local.port());
    // A new connection's buffer has room for these few bytes.
    if send(&socket, query.as_bytes(), SendFlags::NOSIGNAL)? < query.len() {
        return Err(Errno::PIPE);
    }
    let mut line = Vec::new();
    loop {
        let mut buf = [0; 256];
        match recv(&socket, &mut buf, RecvFlags::empty()) {
            Err(Errno::AGAIN) => wait(&socket, PollFlags::IN, deadline)?,
            Err(Errno::INTR) => {}
            done => match done?.0 {
                // RFC 1413 doesn't define what this means.
                0 if line.is_empty() => return Ok(Answer::Refusal(Refusal::Unknown)),
                0 => return Err(Errno::PROTO),
                n => line.extend(buf.iter().take(n)),
            },
        }
        if let Some(end) = line.iter().position(|b| *b == b'\n') {
            line.truncate(end);
            return parse(&line, remote.port(), local.port()).ok_or(Errno::PROTO);
        }
        if line.len() > MAX_LINE {
            return Err(Errno::PROTO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(line: &str) -> Option<Answer> {
        parse(line.as_bytes(), 6193, 23)
    }

    fn user(name: &str) -> Option<Answer> {
        Some(Answer::User(name.as_bytes().to_vec()))
    }

    #[test]
    fn users() {
        assert_eq!(parsed("6193, 23 : USERID : UNIX : stjohns\r"), user("stjohns"));
        assert_eq!(parsed("6193,23:USERID:OTHER,US-ASCII:a b:c "), user("a b:c "));
        assert_eq!(parsed(" 6193 , 23 : USERID : UNIX :  x"), user(" x"));
        assert_eq!(parsed("6193, 23 : USERID : UNIX :"), user(""));
        assert_eq!(parsed(&format!("6193,23:USERID:UNIX:{}", "x".repeat(513))), None);
    }

    #[test]
    fn the_port_and_the_limits_of_rfc_1413() {
        assert_eq!((PORT, MAX_LINE, MAX_USER), (113, 1000, 512));
        let longest = "x".repeat(512);
        assert_eq!(parsed(&format!("6193,23:USERID:UNIX:{longest}")), user(&longest));
    }

    #[test]
    fn refusals() {
        let refused = |reason: &str| match parsed(&format!("6193, 23 : ERROR : {reason}\r")) {
            Some(Answer::Refusal(refusal)) => Some(refusal),
            _ => None,
        };
        assert_eq!(refused("INVALID-PORT"), Some(Refusal::InvalidPort));
        assert_eq!(refused("NO-USER"), Some(Refusal::NoUser));
        assert_eq!(refused("HIDDEN-USER "), Some(Refusal::HiddenUser));
        assert_eq!(refused("UNKNOWN-ERROR"), Some(Refusal::Unknown));
        assert_eq!(refused("XMINE"), Some(Refusal::Extended));
        assert_eq!(refused("NO-USERS"), None);
    }

    #[test]
    fn malformed_lines_are_refused() {
        for line in [
            "",
            "6193, 23",
            "6193,23:USERID",
            "6193,23:USERID:UNIX",
            "6194,23:USERID:UNIX:x",
            "23,6193:USERID:UNIX:x",
            "6193:USERID:UNIX:x",
            "6193,23:NOBODY:UNIX:x",
            "6193,23:USERID:UNIX:a\0b",
        ] {
            assert_eq!(parsed(line), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_user_is_read_as_it_was_written(name in "[^\0\r\n]{0,120}") {
            prop_assert_eq!(parsed(&format!("6193 , 23 : USERID : UNIX : {name}\r")), user(&name), "any user's name is read");
        }

        #[test]
        fn any_line_parses_or_fails(line in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some(Answer::User(name)) = parse(&line, 1, 2) {
                prop_assert!(!name.contains(&0) && name.len() <= MAX_USER, "a user's name has no NUL byte and is within the limit");
            }
        }
    }
}
