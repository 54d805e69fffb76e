//! The servers to ask and the suffixes of short names: from /etc/resolv.conf and the environment.
//!
//! | line | meaning |
//! |---|---|
//! | `nameserver ADDRESS` | a server; asked in order, those after the 16th are ignored |
//! | `domain SUFFIX` | a suffix |
//! | `search SUFFIX...` | suffixes |
//!
//! Other lines, and words that aren't addresses, are ignored.  DNSCACHEIP, a list of addresses, replaces the servers of
//! the file unless it contains none; DNSQUALIFY, a list of suffixes, replaces the suffixes of the file even if it is
//! empty.  Without any server, the machine itself is asked.

use crate::query::MAX_SERVERS;
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tool::{Env, Fatal, OrUnable};

/// The path of the file.
pub const FILE: &str = "/etc/resolv.conf";

/// The size limit of the file: 64 KiB.
const MAX_FILE_SIZE: usize = 65_536;

/// The resolver's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResolvConf {
    /// The configured servers, possibly none; see [`ResolvConf::servers`].
    pub named: Vec<IpAddr>,
    /// The suffixes, in the order in which they are tried.
    pub suffixes: Vec<Vec<u8>>,
}

impl ResolvConf {
    /// Reads the environment, and the file for what the environment doesn't set.  A missing file counts as empty.
    ///
    /// # Errors
    /// The file can't be read: code 111.
    pub fn read(env: &Env) -> Result<Self, Fatal> {
        let servers = env.get(b"DNSCACHEIP").map(server_list).filter(|list| !list.is_empty());
        let suffixes = env.get(b"DNSQUALIFY").map(suffix_list);
        if let (Some(named), Some(suffixes)) = (&servers, &suffixes) {
            return Ok(Self { named: named.clone(), suffixes: suffixes.clone() });
        }
        let file = Self::parse(&read_file(FILE, MAX_FILE_SIZE)?.unwrap_or_default());
        Ok(Self { named: servers.unwrap_or(file.named), suffixes: suffixes.unwrap_or(file.suffixes) })
    }

    /// Parses the text of the file.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut conf = Self::default();
        for line in text.split(|b| *b == b'\n') {
            let mut words = line.split(|b| is_blank(*b));
            let Some(keyword) = words.next() else { continue };
            let mut words = words.filter(|word| !word.is_empty());
            match keyword {
                b"nameserver" if conf.named.len() < MAX_SERVERS => {
                    conf.named.extend(words.next().and_then(address));
                }
                b"domain" => conf.suffixes.extend(words.next().map(<[u8]>::to_vec)),
                b"search" => conf.suffixes.extend(words.map(<[u8]>::to_vec)),
                _ => {}
            }
        }
        conf
    }

    /// The servers to ask.
    #[must_use]
    pub fn servers(&self) -> &[IpAddr] {
        const DEFAULT: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        if self.named.is_empty() { DEFAULT } else { &self.named }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether this separates addresses in a list.
pub(crate) fn is_separator(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b',' | b';')
}

/// Parses a whole word as an address.
#[must_use]
pub fn address(word: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Addresses separated by commas, semicolons and blanks; other words are ignored.
#[must_use]
pub fn server_list(text: &[u8]) -> Vec<IpAddr> {
    text.split(|b| is_separator(*b)).filter_map(address).take(MAX_SERVERS).collect()
}

/// Words separated by blanks.
#[must_use]
pub fn suffix_list(text: &[u8]) -> Vec<Vec<u8>> {
    text.split(|b| is_blank(*b)).filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Reads a file of at most `max_size` bytes; `None` if it doesn't exist.
pub(crate) fn read_file(path: &str, max_size: usize) -> Result<Option<Vec<u8>>, Fatal> {
    match files::read_path(path.as_bytes(), max_size) {
        Err(Errno::NOENT) => Ok(None),
        content => content.map(Some).or_unable(|| format!("read {path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(conf: &ResolvConf) -> String {
        let servers: Vec<_> = conf.named.iter().map(ToString::to_string).collect();
        let suffixes: Vec<_> = conf.suffixes.iter().map(|s| String::from_utf8_lossy(s)).collect();
        format!("{} | {}", servers.join(" "), suffixes.join(" "))
    }

    #[test]
    fn the_file() {
        let text = "# comment\nnameserver\t10.0.0.1 \nnameserver ::1\nnameserver 10.0.0.1x\nnameserver10.0.0.9\n\
            \n nameserver 10.0.0.8\noptions ndots:5\ndomain a.b c.d\nsearch e.f\tg.h.  \r\nsearch i\nsearch\ndomain";
        assert_eq!(shown(&ResolvConf::parse(text.as_bytes())), "10.0.0.1 ::1 | a.b e.f g.h. i");
        assert_eq!(shown(&ResolvConf::parse(b"")), " | ");
        assert_eq!(ResolvConf::parse(b"").servers().len(), 2);
        assert_eq!(ResolvConf::parse(&b"nameserver 1.1.1.1\n".repeat(40)).named.len(), 16);
    }

    #[test]
    fn without_a_server_the_machine_itself_is_asked() {
        let servers: Vec<_> = ResolvConf::default().servers().iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["127.0.0.1", "::1"]);
        assert_eq!((FILE, MAX_FILE_SIZE), ("/etc/resolv.conf", 64 * 1024));
    }

    #[test]
    fn the_environment() {
        let list = server_list(b" 10.0.0.1,::1;;10.0.0.2\t\r\nx 10.0.0.3");
        assert_eq!(shown(&ResolvConf { named: list, suffixes: vec![] }), "10.0.0.1 ::1 10.0.0.2 10.0.0.3 | ");
        assert_eq!(suffix_list(b" a.b\tc\r\n"), [b"a.b".to_vec(), b"c".to_vec()]);
        let env = Env::from_vars(vec![b"DNSCACHEIP=1.2.3.4".to_vec(), b"DNSQUALIFY=".to_vec()]);
        assert_eq!(shown(&ResolvConf::read(&env).unwrap()), "1.2.3.4 | ");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(nameserver|search|domain|[ \t\r\n.:a-f0-9]|\\PC){0,80}") {
            let conf = ResolvConf::parse(text.as_bytes());
            prop_assert!(conf.named.len() <= MAX_SERVERS, "there are no more servers than the limit");
            prop_assert!(conf.suffixes.iter().all(|s| !s.is_empty()), "no suffix is empty");
        }
    }
}
