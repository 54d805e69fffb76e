//! Shell patterns of fnmatch(3) and glob(3), on bytes, in the C locale.
//!
//! `*` and `?`, brackets with classes, ranges, `!` or `^` for their inverse, and a backslash before a
//! character that stands for itself (not in brackets).  A bracket that isn't closed is an ordinary character.

use crate::parse::{Set, shell_bracket};
use rustix::fs::{AtFlags, CWD, FileType};
use rustix::io::Errno;
use sys::fs::{stat, statat};

/// How a shell pattern matches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shell {
    /// A backslash is an ordinary character.
    pub no_escape: bool,
    /// Only a slash in the pattern matches a slash.
    pub path: bool,
    /// Only a period in the pattern matches a leading period.
    pub period: bool,
}

/// How names are searched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Globbing {
    /// Names are sorted, rather than in the order of the directories.
    pub sorted: bool,
    /// A slash at the end of each directory's name.
    pub mark: bool,
    /// A backslash is an ordinary character.
    pub no_escape: bool,
    /// A directory that can't be read ends the search.
    pub strict: bool,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The names.
    pub names: Vec<Vec<u8>>,
    /// Directories that could not be read.
    pub unreadable: Vec<(Vec<u8>, Errno)>,
    /// Whether the search was given up.
    pub aborted: bool,
}

enum Token {
    Byte(u8),
    OneOf(Set),
    Any,
    Star,
}

impl Token {
    /// The first token of a pattern, and what follows it.
    fn first(pattern: &[u8], no_escape: bool) -> Option<(Self, &[u8])> {
        let (byte, rest) = pattern.split_first()?;
        Some(match (byte, rest) {
            (b'*', _) => (Self::Star, rest),
            (b'?', _) => (Self::Any, rest),
            (b'\\', [escaped, rest @ ..]) if !no_escape => (Self::Byte(*escaped), rest),
            (b'[', _) => match shell_bracket(rest) {
                Some((set, rest)) => (Self::OneOf(set), rest),
                None => (Self::Byte(b'['), rest),
            },
            (byte, _) => (Self::Byte(*byte), rest),
        })
    }

    fn takes(&self, byte: u8) -> bool {
        match self {
            Self::Byte(b) => *b == byte,
            Self::OneOf(set) => set.contains(byte),
            Self::Any | Self::Star => true,
        }
    }
}

/// Whether all of `subject` matches a shell pattern.  Takes at most as many steps as the product of the lengths.
#[must_use]
pub fn matches(pattern: &[u8], subject: &[u8], how: Shell) -> bool {
    if !how.path {
        return part_matches(pattern, subject, how);
    }
    let (mut pattern, mut subject) = (pattern, subject);
    loop {
        let (ours, rest) = first_part(pattern, how.no_escape);
        let theirs = subject.iter().position(|b| *b == b'/');
        if !part_matches(ours, subject.get(..theirs.unwrap_or(subject.len())).unwrap_or_default(), how) {
            return false;
        }
        match (rest, theirs) {
            (None, None) => return true,
            (Some(rest), Some(at)) => {
                pattern = rest;
                subject = subject.get(at + 1..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

/// A pattern up to its first slash, and what follows that.
fn first_part(pattern: &[u8], no_escape: bool) -> (&[u8], Option<&[u8]>) {
    let Some(at) = pattern.iter().position(|b| *b == b'/') else { return (pattern, None) };
    let (part, rest) = (pattern.get(..at).unwrap_or_default(), pattern.get(at + 1..));
    // An escaped slash is a slash.
    let backslashes = part.iter().rev().take_while(|b| **b == b'\\').count();
    let escaped = !no_escape && backslashes % 2 == 1;
    (part.get(..at - usize::from(escaped)).unwrap_or_default(), rest)
}

fn part_matches(pattern: &[u8], subject: &[u8], how: Shell) -> bool {
    let explicit = |(token, _): (Token, _)| matches!(token, Token::Byte(b'.'));
    if how.period && subject.starts_with(b".") && !Token::first(pattern, how.no_escape).is_some_and(explicit)
    {
        return false;
    }
    let (mut pattern, mut at) = (pattern, 0);
    // After the last star: the rest of the pattern, and the end of what the star takes.
    let mut star: Option<(&[u8], usize)> = None;
    loop {
        match (Token::first(pattern, how.no_escape), subject.get(at)) {
            (None, None) => return true,
            (Some((Token::Star, rest)), _) => {
                star = Some((rest, at));
                pattern = rest;
            }
            (Some((token, rest)), Some(byte)) if token.takes(*byte) => {
                pattern = rest;
                at += 1;
            }
            (_, None) => return false,
            // The last star takes one byte more.
            _ => match &mut star {
                None => return false,
                Some((rest, end)) => {
                    *end += 1;
                    at = *end;
                    pattern = rest;
                }
            },
        }
    }
}

/// The names of files that match a pattern.
#[must_use]
pub fn glob(pattern: &[u8], how: Globbing) -> Found {
    let mut found = Found::default();
    if !pattern.is_empty() {
        expand(Vec::new(), pattern, how, &mut found);
    }
    if how.sorted {
        found.names.sort_unstable();
    }
    found
}

/// Finds the names that begin with `prefix` and continue as `pattern` says.
fn expand(mut prefix: Vec<u8>, mut pattern: &[u8], how: Globbing, found: &mut Found) {
    while !found.aborted {
        let (part, rest) = first_part(pattern, how.no_escape);
        if let Some(literal) = literal(part, how.no_escape) {
            prefix.extend(literal);
            let Some(rest) = rest else { return found.add(prefix, how) };
            prefix.push(b'/');
            pattern = rest;
            continue;
        }
        for name in list(&prefix, part, how, found) {
            let mut path = [prefix.as_slice(), &name].concat();
            match rest {
                None => found.add(path, how),
                Some(rest) => {
                    path.push(b'/');
                    expand(path, rest, how, found);
                }
            }
        }
        return;
    }
}

/// The name that a part of a pattern stands for, if it has nothing to match.
fn literal(mut part: &[u8], no_escape: bool) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    while let Some((token, rest)) = Token::first(part, no_escape) {
        let Token::Byte(byte) = token else { return None };
        name.push(byte);
        part = rest;
    }
    Some(name)
}

/// The names in a directory that match one part of a pattern.
fn list(prefix: &[u8], part: &[u8], how: Globbing, found: &mut Found) -> Vec<Vec<u8>> {
    let shell = Shell { no_escape: how.no_escape, path: false, period: true };
    let mut names = Vec::new();
    let mut look_at = |name: &[u8]| {
        if matches(part, name, shell) {
            names.push(name.to_vec());
        }
    };
    let dir = if prefix.is_empty() { b"." } else { prefix };
    let read = files::open_dir(CWD, dir).and_then(|dir| {
        [b".".as_slice(), b".."].into_iter().for_each(&mut look_at);
        files::for_each_entry(&dir, &mut |name, _| {
            look_at(name.to_bytes());
            Ok(())
        })
    });
    if let Err(e) = read
        && e != Errno::NOTDIR
    {
        found.unreadable.push((prefix.to_vec(), e));
        found.aborted = how.strict;
    }
    names
}

impl Found {
    /// Adds a name, if there is such a file.
    fn add(&mut self, mut name: Vec<u8>, how: Globbing) {
        if statat(CWD, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW).is_err() {
            return;
        }
        let is_dir = || stat(name.as_slice()).is_ok_and(|st| FileType::from_raw_mode(st.st_mode).is_dir());
        if how.mark && !name.ends_with(b"/") && is_dir() {
            name.push(b'/');
        }
        self.names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn patterns() {
        let how = Shell::default();
        for (pattern, yes, no) in [
            ("*.c", &["a/.c", ".c"][..], &["a.cc", "c"][..]),
            ("a?c", &["abc", "a/c"], &["ac", "abbc"]),
            ("[!a-c]x*y*z", &["dxyz", "]x1y2z", "^xyyzz"], &["axyz", "dxzy"]),
            ("[^a]", &["b"], &["a", ""]),
            ("[]x]", &["]", "x"], &["[]x]"]),
            ("[[:digit:]-]", &["5", "-"], &["a"]),
            ("[a", &["[a"], &["a"]),
            ("a\\*[\\]", &["a*\\"], &["ab\\"]),
            ("", &[""], &["a"]),
            ("a\\", &["a\\"], &["a"]),
            ("**a**", &["a", "bab"], &["b"]),
        ] {
            yes.iter().for_each(|s| assert!(matches(pattern.as_bytes(), s.as_bytes(), how), "{pattern} {s}"));
            no.iter().for_each(|s| assert!(!matches(pattern.as_bytes(), s.as_bytes(), how), "{pattern} {s}"));
        }
        assert!(matches(b"a\\*", b"a\\bc", Shell { no_escape: true, ..how }));
        let period = Shell { period: true, ..how };
        assert!(matches(b"\\.*", b".a", period) && !matches(b"*", b".a", period));
        assert!(!matches(b"?a", b".a", period) && !matches(b"[.]a", b".a", period));
        let path = Shell { path: true, ..how };
        assert!(matches(b"*/\\*\\/[a]", b"x/*/a", path));
        for (pattern, other) in [("a*", "a/b"), ("a?b", "a/b"), ("*/", "a"), ("a", "a/"), ("[/]", "/")] {
            assert!(!matches(pattern.as_bytes(), other.as_bytes(), path), "{pattern} {other}");
        }
        assert!(!matches(b"/*", b"/.a", Shell { path: true, ..period }));
    }

    #[test]
    fn names() {
        let root = tempfile::tempdir().unwrap();
        for dir in ["a/x", "b/x", "c", ".d/x"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        fs::write(root.path().join("c/f*"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("c/l")).unwrap();
        let find = |pattern: &str, how| {
            let base = root.path().to_str().unwrap();
            let found = glob(format!("{base}/{pattern}").as_bytes(), how);
            assert!(!found.aborted && found.unreadable.is_empty());
            let name = |n: Vec<u8>| String::from_utf8(n).unwrap().replacen(&format!("{base}/"), "", 1);
            found.names.into_iter().map(name).collect::<Vec<_>>()
        };
        let sorted = Globbing { sorted: true, ..Globbing::default() };
        assert_eq!(find("*", sorted), ["a", "b", "c"]);
        assert_eq!(find("*/x", sorted), ["a/x", "b/x"]);
        assert_eq!(find("[bc]/*", sorted), ["b/x", "c/f*", "c/l"]);
        assert_eq!(find("c/f\\*", sorted), ["c/f*"]);
        assert_eq!(find("?//x/", sorted), ["a//x/", "b//x/"]);
        assert_eq!(find("c/*", Globbing { mark: true, ..sorted }), ["c/f*", "c/l"]);
        assert_eq!(find("*b", Globbing { mark: true, ..sorted }), ["b/"]);
        assert_eq!(find(".d*", sorted), [".d"]);
        assert!(find("c/f*/x", sorted).is_empty());
        let missing = glob(b"/no/such/*", Globbing { strict: true, ..sorted });
        assert_eq!((missing.names, missing.aborted), (vec![], true));
        assert_eq!(missing.unreadable, [(b"/no/such/".to_vec(), Errno::NOENT)]);
        assert_eq!(glob(b"", sorted), Found::default());
    }
}
