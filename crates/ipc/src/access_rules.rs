//! Rules that say which clients a server allows, in a directory or compiled into a cdb.
//!
//! A rule is a key such as `uid/1000` or `ip4/10.0.0.0_8`.  In a directory it is a subdirectory with `allow` or
//! `deny`, and beside `allow` perhaps `env/` (as for s6-envdir) and `exec` (a command line for execlineb).  In a cdb:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | `A` or `D`; after a `D` there is nothing more |
//! | 1–2 | length of the environment, big-endian |
//! | then | the environment: `NAME=VALUE` sets, `NAME` removes, each with a NUL byte at its end |
//! | then | length of the command line, 2 bytes, and the command line |

use rustix::fs::CWD;
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use tool::{Env, Fatal, OrUnable, diag};

/// A variable to set, or to remove if there is no value.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// What a rule allows beside the connection itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// Changes of the environment.
    pub env: Vec<Change>,
    /// A command line that runs instead of the server's program.
    pub exec: Vec<u8>,
}

/// What the rules say about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The client is allowed.
    Allow(Grant),
    /// The client is refused.
    Deny,
    /// There is no rule for the key.
    Unknown,
}

/// Where rules are.
#[derive(Debug)]
pub enum Rules {
    /// In this directory.
    Dir(Vec<u8>),
    /// In a cdb with this content.
    Cdb(Vec<u8>),
}

/// A rule that can't be followed: its clients are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRule {
    /// Its key.
    pub key: Vec<u8>,
    /// Why: `INVAL` if a cdb's record is damaged, `TOOBIG` if `exec` is too long.
    pub error: Errno,
}

impl std::fmt::Display for BadRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unable to follow rule {}: {}", diag::show(&self.key), sys::strerror(self.error))
    }
}

impl From<BadRule> for Fatal {
    fn from(bad: BadRule) -> Self {
        Self::new(111, bad.to_string())
    }
}

/// The limit in bytes of an environment or a command line in a cdb, and of a file of either in a directory.
const FIELD_MAX: usize = 4096;

impl Rules {
    /// The rules of a command's two options: a directory or a cdb, not both.
    ///
    /// # Errors
    /// Both: a usage error.  The cdb can't be read: code 111.
    pub fn open(dir: Option<&[u8]>, cdb: Option<&[u8]>) -> Result<Option<Self>, Fatal> {
        match (dir, cdb) {
            (Some(_), Some(_)) => Err(Fatal::usage()),
            (Some(dir), None) => Ok(Some(Self::Dir(dir.to_vec()))),
            (None, Some(file)) => {
                let content = std::fs::read(std::ffi::OsStr::from_bytes(file));
                Ok(Some(Self::Cdb(content.or_unable_to("read", file)?)))
            }
            (None, None) => Ok(None),
        }
    }

    /// The verdict of the rule for a key.
    ///
    /// # Errors
    /// The rule can't be read, or is damaged.
    pub fn look_up(&self, key: &[u8]) -> Result<Verdict, BadRule> {
        let verdict = match self {
            // A host's name may be anything; in a directory a key is a path of two names.
            Self::Dir(_) if !is_path(key) => Ok(Verdict::Unknown),
            Self::Dir(dir) => read_rule(&[dir, &b"/"[..], key].concat()),
            Self::Cdb(cdb) => match wire::cdb::find(cdb, key) {
                None => Ok(Verdict::Unknown),
                Some(data) => unpack(data).ok_or(Errno::INVAL),
            },
        };
        verdict.map_err(|error| BadRule { key: key.to_vec(), error })
    }

    /// The verdict about a local client; the keys `self` stand for the user and the group of the server.
    ///
    /// # Errors
    /// As [`Rules::look_up`].
    pub fn check_ids(&self, uid: u32, gid: u32) -> Result<Verdict, BadRule> {
        let server = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        self.first(id_keys(uid, gid, server))
    }

    /// The verdict about an address: the rule of the narrowest network counts.
    ///
    /// # Errors
    /// As [`Rules::look_up`].
    pub fn check_ip(&self, ip: IpAddr) -> Result<Verdict, BadRule> {
        self.first(ip_keys(ip))
    }

    /// The verdict about a host's name: the rule of the longest suffix counts.
    ///
    /// # Errors
    /// As [`Rules::look_up`]; an empty name is `INVAL`.
    pub fn check_name(&self, name: &[u8]) -> Result<Verdict, BadRule> {
        let name = name.strip_suffix(b".").unwrap_or(name);
        if name.is_empty() {
            return Err(BadRule { key: b"reversedns/".to_vec(), error: Errno::INVAL });
        }
        self.first(name_keys(name))
    }

    /// The verdict of the first key that has one.
    fn first(&self, keys: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Verdict, BadRule> {
        for key in keys {
            match self.look_up(key.as_ref())? {
                Verdict::Unknown => {}
                known => return Ok(known),
            }
        }
        Ok(Verdict::Unknown)
    }
}

/// Whether a key is a path of two names.
fn is_path(key: &[u8]) -> bool {
    let is_name = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
    let mut parts = key.split(|b| *b == b'/');
    matches!((parts.next(), parts.next(), parts.next()), (Some(a), Some(b), None) if is_name(a) && is_name(b))
}

/// The keys of an address: the networks that contain it, narrowest first.
fn ip_keys(ip: IpAddr) -> impl Iterator<Item = String> {
    let bits = if ip.is_ipv4() { 32 } else { 128 };
    (0..=bits).rev().map(move |length| {
        let lost = bits - length;
        match ip {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(lost).unwrap_or(0);
                format!("ip4/{}_{length}", Ipv4Addr::from_bits(ip.to_bits() & mask))
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(lost).unwrap_or(0);
                let network = Ipv6Addr::from_bits(ip.to_bits() & mask);
                format!("ip6/{}_{length}", wire::ip::text(network.into()))
            }
        }
    })
}

/// The keys of a host's name: its suffixes, longest first, then the key of all names.  A slash or a label of dots could
/// lead out of the rules' directory; no host has such a name, so only the key of all names is left.
fn name_keys(name: &[u8]) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let is_label = |label: &[u8]| !label.is_empty() && !label.contains(&b'/') && !label.contains(&0);
    if name.split(|b| *b == b'.').all(is_label) {
        let mut suffix = Some(name);
        while let Some(rest) = suffix {
            keys.push([b"reversedns/", rest].concat());
            suffix = rest.iter().position(|b| *b == b'.').and_then(|dot| rest.get(dot + 1..));
        }
    }
    keys.push(b"reversedns/@".to_vec());
    keys
}

/// The keys of a client's ids; the first one that has a rule counts.  `server` are the ids of the server.
fn id_keys(uid: u32, gid: u32, server: (u32, u32)) -> Vec<String> {
    let mut keys = Vec::new();
    if uid == server.0 {
        keys.push(String::from("uid/self"));
    }
    keys.push(format!("uid/{uid}"));
    if gid == server.1 {
        keys.push(String::from("gid/self"));
    }
    keys.extend([format!("gid/{gid}"), String::from("uid/default")]);
    keys
}

fn read_rule(dir: &[u8]) -> Result<Verdict, Errno> {
    let exists =
        |name: &str| match sys::fs::access([dir, b"/", name.as_bytes()].concat(), rustix::fs::Access::EXISTS)
        {
            Ok(()) => Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(e) => Err(e),
        };
    if exists("allow")? {
        let env = read_env(&[dir, b"/env"].concat())?;
        let exec = read_file(&[dir, b"/exec"].concat())?.unwrap_or_default();
        // A command line that is cut short is another command line.
        if exec.len() > FIELD_MAX {
            return Err(Errno::TOOBIG);
        }
        return Ok(Verdict::Allow(Grant { env, exec }));
    }
    Ok(if exists("deny")? { Verdict::Deny } else { Verdict::Unknown })
}

/// The start of a file, up to one byte above the limit; `None` if there is no file.
fn read_file(path: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    match files::read_file(CWD, path, FIELD_MAX + 1) {
        Err(Errno::NOENT) => Ok(None),
        content => content.map(Some),
    }
}

fn read_env(path: &[u8]) -> Result<Vec<Change>, Errno> {
    let names = match files::names_at(CWD, path) {
        Err(Errno::NOENT) => return Ok(Vec::new()),
        names => names?,
    };
    let mut env = Vec::new();
    for name in names {
        if !name.starts_with(b".") && !name.contains(&b'=') {
            let mut content = read_file(&[path, b"/", &name].concat())?.unwrap_or_default();
            content.truncate(FIELD_MAX);
            env.push((name, (!content.is_empty()).then(|| first_line(&content))));
        }
    }
    env.sort_unstable();
    Ok(env)
}

/// The first line without blanks at its end; NUL bytes stand for newlines.
fn first_line(content: &[u8]) -> Vec<u8> {
    let line = content.split(|b| *b == b'\n').next().unwrap_or_default();
    let length = line.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |i| i + 1);
    line.iter().take(length).map(|b| if *b == 0 { b'\n' } else { *b }).collect()
}

/// The record of a verdict in a cdb; `None` if it is too long, or [`Verdict::Unknown`].
#[must_use]
pub fn pack(verdict: &Verdict) -> Option<Vec<u8>> {
    let grant = match verdict {
        Verdict::Unknown => return None,
        Verdict::Deny => return Some(b"D".to_vec()),
        Verdict::Allow(grant) => grant,
    };
    let mut env = Vec::new();
    for (name, value) in &grant.env {
        env.extend_from_slice(name);
        if let Some(value) = value {
            env.push(b'=');
            env.extend_from_slice(value);
        }
        env.push(0);
    }
    let length = |n: usize| u16::try_from(n).ok().filter(|_| n <= FIELD_MAX).map(u16::to_be_bytes);
    let mut data = b"A".to_vec();
    data.extend(length(env.len())?);
    data.append(&mut env);
    data.extend(length(grant.exec.len())?);
    data.extend_from_slice(&grant.exec);
    Some(data)
}

/// The verdict of a record in a cdb; `None` if it is damaged.
#[must_use]
pub fn unpack(data: &[u8]) -> Option<Verdict> {
    match data.split_first()? {
        (b'D', _) => Some(Verdict::Deny),
        (b'A', rest) => {
            let (env, rest) = counted(rest)?;
            let (exec, rest) = counted(rest)?;
            let vars = env.split(|b| *b == 0).filter(|v| !v.is_empty());
            let var = |v: &[u8]| match v.iter().position(|b| *b == b'=') {
                None => (v.to_vec(), None),
                Some(at) => (v.get(..at).unwrap_or_default().to_vec(), v.get(at + 1..).map(<[u8]>::to_vec)),
            };
            let grant = Grant { env: vars.map(var).collect(), exec: exec.to_vec() };
            rest.is_empty().then_some(Verdict::Allow(grant))
        }
        _ => None,
    }
}

fn counted(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_at_checked(2)?;
    rest.split_at_checked(u16::from_be_bytes(length.try_into().ok()?).into())
}

impl Grant {
    /// Changes an environment as the rule says.
    pub fn apply(&self, env: &mut Env) {
        for (name, value) in &self.env {
            match value {
                Some(value) => env.set(name, value),
                None => env.unset(name),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Verdict {
        let env = vec![(b"A".to_vec(), Some(b"v".to_vec())), (b"GONE".to_vec(), None)];
        Verdict::Allow(Grant { env, exec: b"s6-echo x\n".to_vec() })
    }

    #[test]
    fn packs_both_ways() {
        let data = pack(&grant()).unwrap();
        assert_eq!(data, b"A\0\x09A=v\0GONE\0\0\x0as6-echo x\n");
        assert_eq!(unpack(&data), Some(grant()));
        assert_eq!(unpack(b"D"), Some(Verdict::Deny));
        (0..data.len()).for_each(|at| assert_eq!(unpack(&data[..at]), None));
    }

    #[test]
    fn an_environment_and_a_command_line_have_4096_bytes_at_most() {
        assert_eq!(FIELD_MAX, 4096);
        let exec = |length: usize| Grant { exec: vec![b'x'; length], ..Grant::default() };
        // `N=` and the NUL byte take three bytes.
        let env = |length: usize| Grant {
            env: vec![(b"N".to_vec(), Some(vec![b'x'; length - 3]))],
            ..Grant::default()
        };
        let length = |grant| pack(&Verdict::Allow(grant)).map(|data| data.len());
        assert_eq!([length(exec(4096)), length(exec(4097))], [Some(4101), None]);
        assert_eq!([length(env(4096)), length(env(4097))], [Some(4101), None]);
    }

    #[test]
    fn reads_directories() {
        let place = tempfile::tempdir().unwrap();
        let rule = place.path().join("uid/7");
        std::fs::create_dir_all(rule.join("env")).unwrap();
        let rules = Rules::Dir(place.path().as_os_str().as_bytes().to_vec());
        assert_eq!(rules.look_up(b"uid/7"), Ok(Verdict::Unknown));
        std::fs::write(rule.join("deny"), "").unwrap();
        assert_eq!(rules.look_up(b"uid/7"), Ok(Verdict::Deny));
        std::fs::write(rule.join("allow"), "").unwrap();
        std::fs::write(rule.join("exec"), "s6-echo x\n").unwrap();
        std::fs::write(rule.join("env/A"), "v \nmore\n").unwrap();
        std::fs::write(rule.join("env/GONE"), "").unwrap();
        // No names of variables.
        std::fs::write(rule.join("env/.hidden"), "x").unwrap();
        std::fs::write(rule.join("env/A=B"), "x").unwrap();
        assert_eq!(rules.look_up(b"uid/7"), Ok(grant()));
        for no_rule in [&b"uid/../uid/7"[..], b"uid//7", b"uid/7/", b"/7", b"uid/.", b"uid", b"uid/7\0"] {
            assert_eq!(rules.look_up(no_rule), Ok(Verdict::Unknown), "{no_rule:?}");
        }
    }

    #[test]
    fn a_grant_sets_and_removes_variables() {
        let Verdict::Allow(grant) = grant() else { panic!() };
        let mut env = Env::from_vars([b"GONE=x", b"KEPT=x"].map(|var| var.to_vec()).to_vec());
        grant.apply(&mut env);
        assert_eq!(
            [&b"A"[..], b"GONE", b"KEPT"].map(|name| env.get(name)),
            [Some(&b"v"[..]), None, Some(b"x")]
        );
    }

    #[test]
    fn rules_are_in_a_directory_or_in_a_cdb() {
        let place = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(place.path(), "content").unwrap();
        let file = place.path().as_os_str().as_bytes();
        let is_dir = Rules::open(Some(b"/rules"), None).unwrap();
        assert!(matches!(is_dir, Some(Rules::Dir(dir)) if dir == b"/rules"));
        let is_cdb = Rules::open(None, Some(file)).unwrap();
        assert!(matches!(is_cdb, Some(Rules::Cdb(content)) if content == b"content"));
        assert!(Rules::open(None, None).unwrap().is_none());
        assert_eq!(Rules::open(Some(b"/rules"), Some(file)).unwrap_err().code(), 100);
        assert_eq!(Rules::open(None, Some(b"/dev/null/rules")).unwrap_err().code(), 111);
    }

    #[test]
    fn a_bad_rule_refuses_and_is_named() {
        let place = tempfile::tempdir().unwrap();
        let rule = place.path().join("uid/7");
        std::fs::create_dir_all(&rule).unwrap();
        std::fs::write(rule.join("allow"), "").unwrap();
        std::fs::write(rule.join("exec"), vec![b'x'; FIELD_MAX + 1]).unwrap();
        let rules = Rules::Dir(place.path().as_os_str().as_bytes().to_vec());
        let bad = rules.check_ids(7, 7).unwrap_err();
        assert_eq!(bad.to_string(), "unable to follow rule uid/7: Argument list too long");
        std::fs::write(rule.join("exec"), vec![b'x'; FIELD_MAX]).unwrap();
        assert!(matches!(rules.check_ids(7, 7), Ok(Verdict::Allow(_))));
    }

    #[test]
    fn the_order_of_keys() {
        assert_eq!(id_keys(1, 2, (1, 3)).join(" "), "uid/self uid/1 gid/2 uid/default");
        assert_eq!(id_keys(1, 2, (0, 2)).join(" "), "uid/1 gid/self gid/2 uid/default");
    }

    #[test]
    fn networks_from_the_narrowest() {
        let keys: Vec<_> = ip_keys(IpAddr::from([192, 168, 1, 7])).collect();
        assert_eq!(keys.len(), 33);
        assert_eq!(
            keys[..4].join(" "),
            "ip4/192.168.1.7_32 ip4/192.168.1.6_31 ip4/192.168.1.4_30 ip4/192.168.1.0_29"
        );
        assert_eq!(keys[32], "ip4/0.0.0.0_0");
        let keys: Vec<_> = ip_keys("2001:db8::1006".parse().unwrap()).collect();
        assert_eq!(keys.len(), 129);
        assert_eq!(
            keys[..3].join(" "),
            "ip6/2001:db8::1006_128 ip6/2001:db8::1006_127 ip6/2001:db8::1004_126"
        );
        assert_eq!(keys[128], "ip6/::_0");
        let keys: Vec<_> = ip_keys("::ffff:10.0.0.1".parse().unwrap()).collect();
        assert_eq!((keys[0].as_str(), keys[32].as_str()), ("ip6/::ffff:a00:1_128", "ip6/::ffff:0:0_96"));
    }

    #[test]
    fn suffixes_from_the_longest() {
        let keys = |name: &[u8]| {
            let keys = name_keys(name);
            keys.iter()
                .map(|k| String::from_utf8_lossy(k).replace("reversedns/", ""))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(keys(b"foo.bar.example"), "foo.bar.example bar.example example @");
        for hostile in [&b"../x"[..], b"a..b", b".", b"..", b"a/b", b"a\0b"] {
            assert_eq!(keys(hostile), "@", "{hostile:?}");
        }
        let place = tempfile::tempdir().unwrap();
        let rules = Rules::Dir(place.path().as_os_str().as_bytes().to_vec());
        std::fs::create_dir_all(place.path().join("reversedns/example")).unwrap();
        std::fs::write(place.path().join("reversedns/example/deny"), "").unwrap();
        assert_eq!(rules.check_name(b"a.example."), Ok(Verdict::Deny));
        assert_eq!(rules.check_name(b"a.other"), Ok(Verdict::Unknown));
        assert_eq!(rules.check_name(b".").unwrap_err().error, Errno::INVAL);
    }
}
