//! The account files, /etc/passwd and /etc/group, read without a name service.
//!
//! A static program has no plug-in name services; the reference's static build reads the same two files.
//! passwd: `name:password:uid:gid:comment:home:shell`; group: `name:password:gid:member,member`.
//! Lines that don't have this form are skipped, as the C library does.

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// A line of /etc/passwd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: Vec<u8>,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: Vec<u8>,
    /// Login shell.
    pub shell: Vec<u8>,
}

/// A line of /etc/group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Group name.
    pub name: Vec<u8>,
    /// Group id.
    pub gid: u32,
    /// Names of the members.
    pub members: Vec<Vec<u8>>,
}

fn id(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn parse_user(line: &[u8]) -> Option<User> {
    let mut f = line.split(|b| *b == b':');
    let name = f.next()?.to_vec();
    f.next()?;
    let (uid, gid) = (id(f.next()?)?, id(f.next()?)?);
    f.next()?;
    Some(User { name, uid, gid, home: f.next()?.to_vec(), shell: f.next().unwrap_or_default().to_vec() })
}

/// Name, id and the list of members of a line of /etc/group.
fn group_fields(line: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let mut f = line.split(|b| *b == b':');
    let name = f.next()?;
    f.next()?;
    Some((name, id(f.next()?)?, f.next().unwrap_or_default()))
}

fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|b| *b == b',').filter(|m| !m.is_empty())
}

fn parse_group(line: &[u8]) -> Option<Group> {
    let (name, gid, list) = group_fields(line)?;
    Some(Group { name: name.to_vec(), gid, members: members(list).map(<[u8]>::to_vec).collect() })
}

/// How much is read at once.
const CHUNK: usize = 4096;

/// Calls `each` with the lines of a file, up to the one for which it has a result; without a file there are none.
fn find_line<T>(path: &str, mut each: impl FnMut(&[u8]) -> Option<T>) -> std::io::Result<Option<T>> {
    let file = match crate::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        file => file?,
    };
    let mut text = Vec::new();
    loop {
        text.reserve(CHUNK);
        let is_end = rustix::io::retry_on_intr(|| rustix::io::read(&file, spare_capacity(&mut text)))? == 0;
        let whole = match text.iter().rposition(|b| *b == b'\n') {
            _ if is_end => text.len(),
            newline => newline.map_or(0, |at| at.saturating_add(1)),
        };
        let found = text.get(..whole).unwrap_or_default().split(|b| *b == b'\n').find_map(&mut each);
        if is_end || found.is_some() {
            return Ok(found);
        }
        text.drain(..whole);
    }
}

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// The first line that has this name.
fn find_name<T>(path: &str, name: &[u8], parse: fn(&[u8]) -> Option<T>) -> std::io::Result<Option<T>> {
    find_line(path, |line| line.strip_prefix(name)?.starts_with(b":").then(|| parse(line))?)
}

fn all<T>(path: &str, parse: fn(&[u8]) -> Option<T>) -> std::io::Result<Vec<T>> {
    let mut found = Vec::new();
    find_line::<()>(path, |line| {
        found.extend(parse(line));
        None
    })?;
    Ok(found)
}

/// All users of /etc/passwd; none if the file doesn't exist.
pub fn users() -> std::io::Result<Vec<User>> {
    all(PASSWD, parse_user)
}

/// All groups of /etc/group; none if the file doesn't exist.
pub fn groups() -> std::io::Result<Vec<Group>> {
    all(GROUP, parse_group)
}

/// The user of that name.
pub fn user(name: &[u8]) -> std::io::Result<Option<User>> {
    find_name(PASSWD, name, parse_user)
}

/// The first user with that id.
pub fn user_of_id(uid: u32) -> std::io::Result<Option<User>> {
    find_line(PASSWD, |line| parse_user(line).filter(|u| u.uid == uid))
}

/// The group of that name.
pub fn group(name: &[u8]) -> std::io::Result<Option<Group>> {
    find_name(GROUP, name, parse_group)
}

/// The supplementary groups of a user: `gid` first, then each group that lists the name.
pub fn group_ids(name: &[u8], gid: u32) -> std::io::Result<Vec<u32>> {
    let mut ids = vec![gid];
    find_line::<()>(GROUP, |line| {
        let (_, gid, list) = group_fields(line)?;
        if members(list).any(|m| m == name) && !ids.contains(&gid) {
            ids.push(gid);
        }
        None
    })?;
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_user_line() {
        let u = parse_user(b"nobody:x:65534:65533:no body:/nonexistent:/bin/false").unwrap();
        assert_eq!((u.uid, u.gid), (65534, 65533));
        assert_eq!(u.home, b"/nonexistent");
    }

    #[test]
    fn skips_damaged_lines() {
        assert_eq!(parse_user(b"nobody:x:many:65534:::"), None);
        assert_eq!(parse_group(b"+"), None);
    }

    #[test]
    fn reads_group_members() {
        let g = parse_group(b"adm:x:4:syslog,,me").unwrap();
        assert_eq!(g.members, [b"syslog".to_vec(), b"me".to_vec()]);
    }
}
