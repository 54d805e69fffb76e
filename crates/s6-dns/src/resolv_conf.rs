//! The servers to ask and the suffixes of short names: from /etc/resolv.conf and the environment.
//!
//! | line | meaning |
//! |---|---|
//! | `nameserver ADDRESS` | a server; asked in order, those after the 16th are ignored |
//! | `domain SUFFIX` | a suffix |
//! | `search SUFFIX...` | suffixes |
//! | `options timeout:N` | the first time-out of a server, in seconds, at most 30; see [`Schedule`] |
//! | `options attempts:N` | how often each server is asked, at most 5 |
//! | `options rotate` | a look-up begins with a random server |
//! | `options ndots:N` | names with at least N dots, at most 15, are tried without a suffix first |
//!
//! Other lines and options are ignored.  Words that should be addresses and aren't are ignored with a warning, except
//! link-local addresses with an interface (`fe80::1%eth0`).  DNSCACHEIP, a list of addresses, replaces the servers of
//! the file unless it contains none; DNSQUALIFY, a list of suffixes, replaces the suffixes of the file even if it is
//! empty.  Without any server, the machine itself is asked.

use crate::name::Suffixes;
use crate::query::{MAX_SERVERS, Schedule};
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tool::{Env, Fatal, OrUnable, diag};

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
    /// How many dots make a name that is tried without a suffix first; by default, none is.
    pub ndots: Option<usize>,
    /// When servers are asked, and how often.
    pub schedule: Schedule,
    /// What is ignored because it isn't an address, as warnings.
    warnings: Vec<String>,
}

impl ResolvConf {
    /// Reads the environment, and the file for what the environment doesn't set.  A missing file counts as empty.
    ///
    /// # Errors
    /// The file can't be read: code 111.
    pub fn read(env: &Env, warn: &dyn Fn(&str)) -> Result<Self, Fatal> {
        let servers = server_list(env.get(b"DNSCACHEIP").unwrap_or_default(), |word| {
            warn(&format!("DNSCACHEIP: {} is ignored: it is no IP address", diag::show(word)));
        });
        let servers = Some(servers).filter(|list| !list.is_empty());
        let suffixes = env.get(b"DNSQUALIFY").map(suffix_list);
        if let (Some(named), Some(suffixes)) = (&servers, &suffixes) {
            return Ok(Self { named: named.clone(), suffixes: suffixes.clone(), ..Self::default() });
        }
        let mut conf = Self::parse(&read_file(FILE, MAX_FILE_SIZE)?.unwrap_or_default());
        match servers {
            Some(servers) => conf.named = servers,
            None => conf.warnings.iter().for_each(|text| warn(text)),
        }
        conf.suffixes = suffixes.unwrap_or(conf.suffixes);
        Ok(conf)
    }

    /// The suffixes, and when they are tried.
    #[must_use]
    pub fn search_list(&self) -> Suffixes<'_> {
        Suffixes::new(&self.suffixes).with_ndots(self.ndots)
    }

    /// Parses the text of the file.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut conf = Self::default();
        for (number, line) in text.split(|b| *b == b'\n').enumerate() {
            let mut words = line.split(|b| is_blank(*b));
            let Some(keyword) = words.next() else { continue };
            let mut words = words.filter(|word| !word.is_empty());
            match keyword {
                b"nameserver" if conf.named.len() < MAX_SERVERS => {
                    let Some(word) = words.next() else { continue };
                    match address(word) {
                        Some(ip) => conf.named.push(ip),
                        None if word.contains(&b'%') => {}
                        None => conf.warnings.push(format!(
                            "{FILE}: line {}: {} is ignored: it is no IP address",
                            number + 1,
                            diag::show(word)
                        )),
                    }
                }
                b"domain" => conf.suffixes.extend(words.next().map(<[u8]>::to_vec)),
                b"search" => conf.suffixes.extend(words.map(<[u8]>::to_vec)),
                b"options" => words.for_each(|word| conf.set_option(word)),
                _ => {}
            }
        }
        conf
    }

    /// Applies a word of an `options` line; unknown ones are ignored.
    fn set_option(&mut self, word: &[u8]) {
        let number = |name: &[u8], limit: u32| {
            let digits = word.strip_prefix(name)?.strip_prefix(b":")?;
            wire::number::decimal::<u32>(digits).map(|n| n.min(limit))
        };
        if let Some(seconds) = number(b"timeout", 30) {
            self.schedule.first_timeout = Some(Duration::from_secs(seconds.max(1).into()));
        } else if let Some(attempts) = number(b"attempts", 5) {
            self.schedule.rounds = usize::try_from(attempts.max(1)).ok();
        } else if let Some(dots) = number(b"ndots", 15) {
            self.ndots = usize::try_from(dots).ok();
        } else if word == b"rotate" {
            self.schedule.is_rotated = true;
        }
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

/// Addresses separated by commas, semicolons and blanks; other words are rejected.
pub fn server_list(text: &[u8], mut reject: impl FnMut(&[u8])) -> Vec<IpAddr> {
    let mut servers = Vec::new();
    for word in text.split(|b| is_separator(*b)).filter(|word| !word.is_empty()) {
        match address(word) {
            Some(ip) => servers.push(ip),
            None => reject(word),
        }
    }
    servers.truncate(MAX_SERVERS);
    servers
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
        let list = server_list(b" 10.0.0.1,::1;;10.0.0.2\t\r\nx 10.0.0.3", |_| ());
        assert_eq!(
            shown(&ResolvConf { named: list, ..ResolvConf::default() }),
            "10.0.0.1 ::1 10.0.0.2 10.0.0.3 | "
        );
        assert_eq!(suffix_list(b" a.b\tc\r\n"), [b"a.b".to_vec(), b"c".to_vec()]);
        let env = Env::from_vars(vec![b"DNSCACHEIP=1.2.3.4,1.2.3.5#53".to_vec(), b"DNSQUALIFY=".to_vec()]);
        let warned = std::cell::RefCell::new(Vec::new());
        let conf = ResolvConf::read(&env, &|text| warned.borrow_mut().push(text.to_owned())).unwrap();
        assert_eq!(shown(&conf), "1.2.3.4 | ");
        assert_eq!(*warned.borrow(), ["DNSCACHEIP: 1.2.3.5#53 is ignored: it is no IP address"]);
    }

    #[test]
    fn what_is_no_address_has_a_line() {
        let conf = ResolvConf::parse(b"\nnameserver 1.2.3.4:53\nnameserver fe80::1%eth0\nnameserver\n");
        assert_eq!(conf.warnings, ["/etc/resolv.conf: line 2: 1.2.3.4:53 is ignored: it is no IP address"]);
        assert_eq!(conf.named, Vec::<IpAddr>::new());
    }

    #[test]
    fn options() {
        let options = |text: &str| {
            let ResolvConf { ndots, schedule, .. } = ResolvConf::parse(text.as_bytes());
            let seconds = schedule.first_timeout.map(|t| t.as_secs());
            (seconds, schedule.rounds, schedule.is_rotated, ndots)
        };
        assert_eq!(options("options"), (None, None, false, None));
        assert_eq!(
            options("options edns0 timeout:2\tattempts:3\noptions rotate ndots:5\n"),
            (Some(2), Some(3), true, Some(5))
        );
        assert_eq!(options("options timeout:99 attempts:99 ndots:99"), (Some(30), Some(5), false, Some(15)));
        assert_eq!(options("options timeout:0 attempts:0 ndots:0"), (Some(1), Some(1), false, Some(0)));
        assert_eq!(options("options timeout: attempts:x ndots rotate:1"), (None, None, false, None));
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
