//! The hosts file, /etc/hosts, and its compiled form, /etc/hosts.cdb.
//!
//! A line is an address, a name and its aliases, separated by blanks; a `#` begins a comment.  Lines of link-local
//! addresses with an interface (`fe80::1%eth0`) are ignored.  The compiled form, a cdb, is the reference's:
//!
//! | key | data |
//! |---|---|
//! | `a4:` NAME, `a6:` NAME | the addresses of a first name, which has a final dot and is in lower case |
//! | `u4:` ALIAS, `u6:` ALIAS | the addresses of an alias, which is unqualified and in lower case |
//! | `p4:` ADDRESS, `p6:` ADDRESS | the names of an address, each ended by a NUL byte |
//!
//! Addresses are 4 or 16 bytes each.

use crate::failure::Failure;
use crate::families::Families;
use crate::name::{Name, Suffixes};
use crate::resolv_conf::read_file;
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tool::{Fatal, diag};

/// The path of the hosts file.
pub const TEXT: &str = "/etc/hosts";
/// The path of its compiled form.
pub const COMPILED: &str = "/etc/hosts.cdb";

/// The size limit of either file: 256 MiB.
pub(crate) const MAX_FILE_SIZE: usize = 256 << 20;

/// Keys and their data, in the order of the keys.
pub type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// The content of the hosts file.
#[derive(Debug)]
pub enum Hosts {
    /// The file doesn't exist.
    None,
    /// The content of the compiled file.
    Compiled(Vec<u8>),
    /// The records that the compiled file would have.
    Parsed(Records),
}

impl Hosts {
    /// Reads the compiled file if it is newer than the text or there is no text, else the text, whose invalid lines are
    /// skipped with a warning.
    ///
    /// # Errors
    /// A file can't be read: code 111.
    pub fn read(warn: &dyn Fn(&str)) -> Result<Self, Fatal> {
        let changed = |path: &str| match sys::fs::stat(path) {
            Ok(st) => Ok(Some((st.st_mtime, st.st_mtime_nsec))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(Fatal::unable(format_args!("look at {path}"), e)),
        };
        let (text, compiled) = (changed(TEXT)?, changed(COMPILED)?);
        if compiled.is_some() && compiled > text {
            return Ok(read_file(COMPILED, MAX_FILE_SIZE)?.map_or(Self::None, Self::Compiled));
        }
        match read_file(TEXT, MAX_FILE_SIZE)? {
            Some(text) => {
                let (records, flaws) = parse(&text);
                flaws.iter().for_each(|flaw| warn(&flaw.warning(TEXT)));
                Ok(Self::Parsed(records))
            }
            None => Ok(Self::None),
        }
    }

    fn find(&self, key: &[u8]) -> &[u8] {
        let found = match self {
            Self::None => None,
            Self::Compiled(cdb) => wire::cdb::find(cdb, key),
            Self::Parsed(records) => {
                let at = records.binary_search_by(|(known, _)| known.as_slice().cmp(key)).ok();
                at.and_then(|at| records.get(at)).map(|(_, data)| data.as_slice())
            }
        };
        found.unwrap_or_default()
    }

    /// The addresses of a name, IPv4 first.  Looks up the name qualified with each of the `suffixes` and by itself
    /// until one is found; as an alias it is looked up unqualified.
    ///
    /// # Errors
    /// It isn't a name, or the compiled file is damaged.
    pub fn addresses(
        &self,
        name: &[u8],
        families: Families,
        suffixes: Suffixes<'_>,
    ) -> Result<Vec<IpAddr>, Failure> {
        let names = Name::qualify(name, suffixes).ok_or(Failure::NameTooLong)?;
        let alias = plain(name);
        let mut found = Vec::new();
        for (is_wanted, letter, size) in [(families.v4, b'4', 4), (families.v6, b'6', 16)] {
            let mut take = |kind, name: &[u8]| {
                let data = if is_wanted { self.find(&key(kind, letter, name)) } else { &[] };
                if data.len() % size != 0 {
                    return Err(Failure::System(Errno::PROTO));
                }
                for ip in data.chunks(size).filter_map(unpack) {
                    if !found.contains(&ip) {
                        found.push(ip);
                    }
                }
                Ok(!data.is_empty())
            };
            take(b'u', &alias)?;
            for name in &names {
                if take(b'a', &name.text())? {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The names of an address: first names with a final dot, aliases without.
    ///
    /// # Errors
    /// The compiled file is damaged.
    pub fn names(&self, ip: IpAddr) -> Result<Vec<Vec<u8>>, Failure> {
        let data = match ip {
            IpAddr::V4(v4) => self.find(&key(b'p', b'4', &v4.octets())),
            IpAddr::V6(v6) => self.find(&key(b'p', b'6', &v6.octets())),
        };
        match data.split_last() {
            None => Ok(Vec::new()),
            Some((0, names)) => Ok(names.split(|b| *b == 0).map(<[u8]>::to_vec).collect()),
            Some(_) => Err(Failure::System(Errno::PROTO)),
        }
    }
}

fn key(kind: u8, family: u8, what: &[u8]) -> Vec<u8> {
    [&[kind, family, b':'], what].concat()
}

fn unpack(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|b| Ipv4Addr::from(b).into()),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|b| Ipv6Addr::from(b).into()),
    }
}

/// The text of a name without its final dot, if it has inner ones.
fn plain(name: &[u8]) -> Vec<u8> {
    let lower = name.to_ascii_lowercase();
    match lower.strip_suffix(b".") {
        Some(rest) if rest.contains(&b'.') => rest.to_vec(),
        _ => lower,
    }
}

/// An error in a hosts file.
#[derive(Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The line, counted from 1.
    pub line: usize,
    /// The word that is wrong.
    pub word: Vec<u8>,
    /// What it should be.
    pub wanted: &'static str,
}

impl Flaw {
    /// The error `FILE:LINE: …`, code 111.
    #[must_use]
    pub fn fatal(&self, file: &str) -> Fatal {
        Fatal::new(
            111,
            format_args!("{file}:{}: {} is no {}", self.line, diag::show(&self.word), self.wanted),
        )
    }

    fn warning(&self, file: &str) -> String {
        let (line, word, wanted) = (self.line, diag::show(&self.word), self.wanted);
        format!("{file}: line {line} is skipped: {word} is no {wanted}")
    }
}

/// Parses the text into the records of the compiled form; invalid lines are skipped and reported.
#[must_use]
pub fn parse(text: &[u8]) -> (Records, Vec<Flaw>) {
    // One address or name each at first.
    let mut found = Records::new();
    let mut flaws = Vec::new();
    for (number, line) in text.split(|b| *b == b'\n').enumerate() {
        let (family, address, names) = match parse_line(line) {
            Ok(Some(line)) => line,
            Ok(None) => continue,
            Err((word, wanted)) => {
                flaws.push(Flaw { line: number + 1, word: word.to_vec(), wanted });
                continue;
            }
        };
        for (kind, name) in names {
            found.push((key(kind, family, &name), address.clone()));
            found.push((key(b'p', family, &address), [name, vec![0]].concat()));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut records = Records::new();
    for (key, item) in found {
        let Some((_, data)) = records.last_mut().filter(|(last, _)| *last == key) else {
            records.push((key, item));
            continue;
        };
        let is_known = match key.first() {
            Some(b'p') => data.split_inclusive(|b| *b == 0).any(|known| known == item),
            _ => data.chunks(item.len()).any(|known| known == item),
        };
        if !is_known {
            data.extend(item);
        }
    }
    (records, flaws)
}

/// A line: the digit of the address family, the address, and the kind and text of each name.
type Line = (u8, Vec<u8>, Vec<(u8, Vec<u8>)>);

/// Parses a line; `None` if it says nothing.  An error is the invalid word and what it should be.
fn parse_line(line: &[u8]) -> Result<Option<Line>, (&[u8], &'static str)> {
    let line = line.split(|b| *b == b'#').next().unwrap_or_default();
    let mut words = line.split(|b| matches!(b, b' ' | b'\t' | b'\r' | 11 | 12)).filter(|w| !w.is_empty());
    let Some(word) = words.next() else { return Ok(None) };
    let mut parts = word.split(|b| *b == b'%');
    let ip = parts.next().and_then(crate::resolv_conf::address);
    let (family, address) = match ip {
        Some(IpAddr::V6(_)) if parts.next().is_some() => return Ok(None),
        Some(IpAddr::V4(v4)) if parts.next().is_none() => (b'4', v4.octets().to_vec()),
        Some(IpAddr::V6(v6)) => (b'6', v6.octets().to_vec()),
        _ => return Err((word, "IP address")),
    };
    let mut names = Vec::new();
    for word in words {
        let printable = word.iter().all(|b| b.is_ascii_graphic() || !b.is_ascii());
        let name = Name::from_text(word).filter(|name| printable && name.wire().len() > 1);
        let name = name.ok_or((word, "host name"))?;
        names.push(if names.is_empty() { (b'a', name.text()) } else { (b'u', plain(word)) });
    }
    Ok(Some((family, address, names)))
}

/// Builds the compiled form; `None` if it would exceed 4 GiB.
#[must_use]
pub fn compile(records: &Records) -> Option<Vec<u8>> {
    wire::cdb::build(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &str = "# hosts\n\n127.0.0.1\tlocalhost.localdomain localhost # here\n::1 localhost\n\
        10.1.2.3 Web.Example.com www web.example\n10.1.2.4   web.example.com.\r\n2001:db8::5 web.example.com\n\
        fe80::1%eth0 gw.example\n10.0.0.1 gw.example\n10.9.9.9 9lives.example _x.example\n  10.1.2.3 web.example.com";

    /// The text and its compiled form, which must agree.
    fn both() -> [Hosts; 2] {
        let (records, flaws) = parse(SAMPLE.as_bytes());
        assert_eq!(flaws, []);
        [Hosts::Compiled(compile(&records).unwrap()), Hosts::Parsed(records)]
    }

    fn found(name: &str, suffixes: &[&str]) -> String {
        let suffixes: Vec<_> = suffixes.iter().map(|s| s.as_bytes().to_vec()).collect();
        let [one, two] = both().map(|hosts| {
            let found = hosts.addresses(name.as_bytes(), Families::BOTH, Suffixes::new(&suffixes)).unwrap();
            found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(one, two);
        one
    }

    #[test]
    fn names_have_addresses() {
        for (name, expected) in [
            ("web.example.com", "10.1.2.3 10.1.2.4 2001:db8::5"),
            ("WEB.example.COM.", "10.1.2.3 10.1.2.4 2001:db8::5"),
            ("localhost", "127.0.0.1 ::1"),
            ("localhost.", "::1"),
            ("www", "10.1.2.3"),
            ("www.", ""),
            ("web.example.", "10.1.2.3"),
            ("gw.example", "10.0.0.1"),
            ("9lives.example", "10.9.9.9"),
            ("_x.example", "10.9.9.9"),
            ("none", ""),
        ] {
            assert_eq!(found(name, &[]), expected, "{name}");
        }
        assert_eq!(found("web", &["other", "example.com"]), "10.1.2.3 10.1.2.4 2001:db8::5");
        let [hosts, _] = both();
        let v6 = Families { v4: false, v6: true };
        assert_eq!(hosts.addresses(b"web.example.com", v6, Suffixes::NONE).unwrap().len(), 1);
        assert_eq!(hosts.addresses(&b"x".repeat(64), v6, Suffixes::NONE), Err(Failure::NameTooLong));
    }

    #[test]
    fn addresses_have_names() {
        for hosts in both() {
            let names = |ip: &str| {
                let names = hosts.names(ip.parse().unwrap()).unwrap();
                String::from_utf8(names.join(&b' ')).unwrap()
            };
            assert_eq!(names("10.1.2.3"), "web.example.com. www web.example");
            assert_eq!(names("127.0.0.1"), "localhost.localdomain. localhost");
            assert_eq!(names("::1"), "localhost.");
            assert_eq!(names("10.7.7.7"), "");
        }
        assert_eq!(Hosts::None.names("::1".parse().unwrap()), Ok(Vec::new()));
    }

    #[test]
    fn the_paths_and_the_size_limit() {
        assert_eq!((TEXT, COMPILED), ("/etc/hosts", "/etc/hosts.cdb"));
        assert_eq!(MAX_FILE_SIZE, 256 * 1024 * 1024);
    }

    #[test]
    fn the_keys_of_the_compiled_form() {
        let records = parse(b"10.0.0.1 A b.c.\n::2 d").0;
        let table: Vec<_> =
            records.iter().map(|(k, d)| format!("{} {}\n", diag::show(k), diag::show(d))).collect();
        insta::assert_snapshot!(table.concat());
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        for (text, line, word) in [
            ("garbage line here\n", 1, "garbage"),
            ("\n10.0.0.1 a\n10.0.0.256 b\n", 3, "10.0.0.256"),
            ("10.0.0.1%eth0 a", 1, "10.0.0.1%eth0"),
            ("10.0.0.1 a .", 1, "."),
            ("10.0.0.1 a\u{1}b", 1, "a\u{1}b"),
        ] {
            let flaws = parse(text.as_bytes()).1;
            let flaws: Vec<_> = flaws.iter().map(|flaw| (flaw.line, flaw.word.as_slice())).collect();
            assert_eq!(flaws, [(line, word.as_bytes())], "{text}");
        }
        assert_eq!(parse(format!("::1 {}", "x".repeat(64)).as_bytes()).1.len(), 1);
        assert_eq!(parse(b"10.0.0.1\n"), (Records::new(), Vec::new()));
    }

    #[test]
    fn invalid_lines_are_skipped_as_a_whole_and_the_others_count() {
        let (records, flaws) = parse(b"10.0.0.1 a\n10.0.0.256 b\n10.0.0.2 c .\n10.0.0.3 d\n");
        let names: Vec<_> = records.iter().map(|(key, _)| key).filter(|key| key.starts_with(b"a")).collect();
        assert_eq!(names, [b"a4:a.", b"a4:d."]);
        let warnings: Vec<_> = flaws.iter().map(|flaw| flaw.warning(TEXT)).collect();
        assert_eq!(
            warnings,
            [
                "/etc/hosts: line 2 is skipped: 10.0.0.256 is no IP address",
                "/etc/hosts: line 3 is skipped: . is no host name"
            ]
        );
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let bad = |key: &[u8], data: &[u8]| {
            Hosts::Compiled(wire::cdb::build(&[(key.to_vec(), data.to_vec())]).unwrap())
        };
        let damaged = Err(Failure::System(Errno::PROTO));
        assert_eq!(bad(b"a4:a.", b"abc").addresses(b"a", Families::BOTH, Suffixes::NONE), damaged);
        assert!(bad(b"p4:\x01\x01\x01\x01", b"abc").names("1.1.1.1".parse().unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn any_text_compiles(text in "([0-9a-f.:%]{1,12}|[ \t\n#]|[a-z0-9.\\\\]{1,9}|\\PC){0,60}") {
            let (records, flaws) = parse(text.as_bytes());
            prop_assert!(flaws.len() <= text.lines().count(), "a line has one flaw at most");
            let hosts = Hosts::Compiled(compile(&records).unwrap());
            for (key, data) in &records {
                prop_assert_eq!(hosts.find(key), data.as_slice(), "the compiled file finds what the text says");
            }
        }
    }
}
