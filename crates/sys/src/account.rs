//! The account files, /etc/passwd and /etc/group, read without a name service.
//!
//! A static program has no plug-in name services; the reference's static build reads the same two files.
//! passwd: `name:password:uid:gid:comment:home:shell`; group: `name:password:gid:member,member`.
//! Lines that don't have this form are skipped, as the C library does.

use std::path::Path;

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

fn parse_group(line: &[u8]) -> Option<Group> {
    let mut f = line.split(|b| *b == b':');
    let name = f.next()?.to_vec();
    f.next()?;
    let gid = id(f.next()?)?;
    let members = f.next().unwrap_or_default().split(|b| *b == b',').filter(|m| !m.is_empty());
    Some(Group { name, gid, members: members.map(<[u8]>::to_vec).collect() })
}

fn lines<T>(path: &Path, parse: fn(&[u8]) -> Option<T>) -> std::io::Result<Vec<T>> {
    match std::fs::read(path) {
        Ok(text) => Ok(text.split(|b| *b == b'\n').filter_map(parse).collect()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// All users of /etc/passwd; none if the file doesn't exist.
pub fn users() -> std::io::Result<Vec<User>> {
    lines(Path::new("/etc/passwd"), parse_user)
}

/// All groups of /etc/group; none if the file doesn't exist.
pub fn groups() -> std::io::Result<Vec<Group>> {
    lines(Path::new("/etc/group"), parse_group)
}

/// The user of that name.
pub fn user(name: &[u8]) -> std::io::Result<Option<User>> {
    Ok(users()?.into_iter().find(|u| u.name == name))
}

/// The first user with that id.
pub fn user_of_id(uid: u32) -> std::io::Result<Option<User>> {
    Ok(users()?.into_iter().find(|u| u.uid == uid))
}

/// The group of that name.
pub fn group(name: &[u8]) -> std::io::Result<Option<Group>> {
    Ok(groups()?.into_iter().find(|g| g.name == name))
}

/// The supplementary groups of a user: `gid` first, then each group that lists the name.
pub fn group_ids(name: &[u8], gid: u32) -> std::io::Result<Vec<u32>> {
    let mut ids = vec![gid];
    for g in groups()? {
        if g.members.iter().any(|m| m == name) && !ids.contains(&g.gid) {
            ids.push(g.gid);
        }
    }
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
