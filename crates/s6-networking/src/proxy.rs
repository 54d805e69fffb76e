//! The PROXY protocol, versions 1 and 2 (haproxy's `proxy-protocol.txt`): a header in which a proxy describes its client,
//! before the client's own bytes.
//!
//! Version 1 is a line of at most 107 bytes, ended by CR LF: `PROXY TCP4|TCP6 IP IP PORT PORT`, the client's first, or
//! `PROXY UNKNOWN` and anything.  Version 2:
//!
//! | bytes | what |
//! |---|---|
//! | 0–11 | [`SIGNATURE`] |
//! | 12 | upper 4 bits: version 2; lower 4 bits: the command, 0 local, 1 proxied |
//! | 13 | upper 4 bits: family, 0 none, 1 IPv4, 2 IPv6, 3 Unix; lower 4 bits: transport, 0 none, 1 stream, 2 datagram |
//! | 14–15 | length of the rest, big-endian |
//! | 16– | both addresses (4, 16 or 108 bytes), both ports (2 bytes; not for Unix), then extensions |
//!
//! An extension is a type, a length of 2 bytes, and a value.  The value of TLS (0x20) is a byte of flags, 4 bytes, and
//! nested extensions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The start of a header of version 2.
pub(crate) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The start of a header of version 1.
const LINE_START: &[u8] = b"PROXY ";

/// The limit of a line in bytes, CR LF included.
const MAX_LINE: usize = 107;

/// The shortest line, `PROXY UNKNOWN`, in bytes, CR LF included.
const MIN_LINE: usize = 15;

/// Which versions are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// Only version 1.
    Text,
    /// Only version 2.
    Binary,
    /// Either.
    Both,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read this many more bytes, and call again.  The header has at least so many, so nothing after it is read.
    Read(usize),
    /// The header is complete.
    Done(Header),
}

/// The content of a header.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The ends of the client's connection, if the header has them.
    pub ends: Option<Ends>,
    /// TLS between the client and the proxy.
    pub tls: Tls,
}

/// Both ends of a connection; paths contain no NUL.
#[derive(Debug, PartialEq, Eq)]
pub enum Ends {
    /// Internet addresses.
    Tcp {
        /// The client's address.
        remote: SocketAddr,
        /// The address that it connected to.
        local: SocketAddr,
    },
    /// Unix sockets.
    Unix {
        /// The client's path.
        remote: Vec<u8>,
        /// The path that it connected to.
        local: Vec<u8>,
    },
}

/// Facts about TLS; values contain no NUL.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The server name that the client asked for.
    pub server_name: Option<Vec<u8>>,
    /// The version, such as `TLSv1.3`.
    pub protocol: Option<Vec<u8>>,
    /// The cipher's name.
    pub cipher: Option<Vec<u8>>,
    /// The common name in the client's certificate.
    pub common_name: Option<Vec<u8>>,
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It is malformed: what is wrong.
    Invalid(&'static str),
    /// It is well-formed, but not supported: what isn't.
    Unsupported(&'static str),
}

use Wrong::Invalid;

/// Examines the bytes of a header read so far: never more than [`Step::Read`] asked for, at most 65,551.
///
/// # Errors
/// The bytes can't be the start of a header.
pub fn step(got: &[u8], versions: Versions) -> Result<Step, Wrong> {
    let may_be = |start: &[u8]| start.starts_with(got) || got.starts_with(start);
    let text = versions != Versions::Binary && may_be(LINE_START);
    let binary = versions != Versions::Text && may_be(&SIGNATURE);
    match (text, binary) {
        (true, _) => line(got),
        (_, true) => block(got),
        _ => Err(Invalid("it begins like no PROXY header")),
    }
}

fn line(got: &[u8]) -> Result<Step, Wrong> {
    match got.iter().position(|b| *b == b'\n') {
        Some(end) if end + 1 == got.len() => {
            let line = got.get(..end).and_then(|l| l.strip_suffix(b"\r"));
            let line =
                line.and_then(|l| l.strip_prefix(LINE_START)).ok_or(Invalid("the line has no CR LF"))?;
            Ok(Step::Done(Header { ends: ends(line)?, tls: Tls::default() }))
        }
        Some(_) => Err(Invalid("the line is too short")),
        None if got.len() < MIN_LINE => Ok(Step::Read(MIN_LINE - got.len())),
        None if got.len() >= MAX_LINE => Err(Invalid("the line is too long")),
        // CR LF, or only LF, is still missing.
        None if got.ends_with(b"\r") || got.len() + 1 == MAX_LINE => Ok(Step::Read(1)),
        None => Ok(Step::Read(2)),
    }
}

/// Parses a line after its first word.
fn ends(line: &[u8]) -> Result<Option<Ends>, Wrong> {
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        return Ok(None);
    }
    let mut words = line.split(|b| *b == b' ');
    let is_v4 = match words.next() {
        Some(b"TCP4") => true,
        Some(b"TCP6") => false,
        _ => return Err(Invalid("the line's protocol is unknown")),
    };
    let mut ip = || {
        let ip = words.next().and_then(crate::address::ip).filter(|ip| ip.is_ipv4() == is_v4);
        ip.ok_or(Invalid("the line has an invalid address"))
    };
    let (remote, local) = (ip()?, ip()?);
    let mut port =
        || words.next().and_then(crate::address::port).ok_or(Invalid("the line has an invalid port"));
    let (remote, local) = (SocketAddr::new(remote, port()?), SocketAddr::new(local, port()?));
    match words.next() {
        None => Ok(Some(Ends::Tcp { remote, local })),
        Some(_) => Err(Invalid("the line goes on after the ports")),
    }
}

fn block(got: &[u8]) -> Result<Step, Wrong> {
    let Some((head, rest)) = got.split_at_checked(16) else { return Ok(Step::Read(16 - got.len())) };
    let [.., command, family, high, low] = head else { return Ok(Step::Read(16)) };
    if command >> 4 != 2 {
        return Err(Invalid("the block's version is unknown"));
    }
    let is_local = match command & 15 {
        0 => true,
        1 => false,
        _ => return Err(Invalid("the block's command is unknown")),
    };
    let (family, transport) = (family >> 4, family & 15);
    let size = match (family, transport) {
        (4.., _) => return Err(Invalid("the block's address family is unknown")),
        (_, 3..) => return Err(Invalid("the block's transport is unknown")),
        // Anything that follows has no defined format.
        _ if is_local || family == 0 || transport == 0 => None,
        (_, 2) => return Err(Wrong::Unsupported("datagrams")),
        (1, _) => Some(4),
        (2, _) => Some(16),
        _ => Some(108),
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if rest.len() < length {
        return Ok(Step::Read(length - rest.len()));
    }
    let Some(size) = size else { return Ok(Step::Done(Header::default())) };
    let mut rest = Bytes(rest.get(..length).unwrap_or_default());
    let (remote, local) = (rest.take(size)?, rest.take(size)?);
    let ends = if family == 3 {
        let path = |bytes: &[u8]| bytes.split(|b| *b == 0).next().unwrap_or_default().to_vec();
        Ends::Unix { remote: path(remote), local: path(local) }
    } else {
        let mut end = |address: &[u8]| {
            let v4 = <[u8; 4]>::try_from(address).map(|a| IpAddr::from(Ipv4Addr::from(a)));
            let v6 = <[u8; 16]>::try_from(address).map(|a| IpAddr::from(Ipv6Addr::from(a)));
            let ip = v4.or(v6).map_err(|_| Invalid("the block's address has no length"))?;
            Ok(SocketAddr::new(ip, rest.number()?))
        };
        Ends::Tcp { remote: end(remote)?, local: end(local)? }
    };
    let mut tls = Tls::default();
    extensions(rest, false, &mut tls)?;
    Ok(Step::Done(Header { ends: Some(ends), tls }))
}

/// The unread bytes of a block.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Wrong> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(Invalid("the block is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u16, Wrong> {
        self.take(2).map(|b| b.iter().fold(0, |n, b| n << 8 | u16::from(*b)))
    }
}

fn extensions(mut rest: Bytes<'_>, of_tls: bool, tls: &mut Tls) -> Result<(), Wrong> {
    while !rest.0.is_empty() {
        let kind = rest.take(1)?.first().copied();
        let length = rest.number()?;
        let value = rest.take(length.into())?;
        let text = || match value.contains(&0) {
            false => Ok(Some(value.to_vec())),
            true => Err(Invalid("an extension contains NUL")),
        };
        match (kind, of_tls) {
            (Some(0x02), false) => tls.server_name = text()?,
            (Some(0x20), false) => {
                let mut inner = Bytes(value);
                let flags = inner.take(5)?.first().copied().unwrap_or_default();
                // The client's connection used TLS.
                if flags & 1 != 0 {
                    extensions(inner, true, tls)?;
                }
            }
            (Some(0x21), true) => tls.protocol = text()?,
            (Some(0x22), true) => tls.common_name = text()?,
            (Some(0x23), true) => tls.cipher = text()?,
            (Some(0x02 | 0x21..=0x23), _) => return Err(Invalid("an extension is where it can't be")),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
