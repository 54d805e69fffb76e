//! User and group ids of the process.
//!
//! Each change concerns real, effective and saved id at once, as set*id(2) do for a privileged process.
//! [`assume`] is the whole change in the right order, checked afterwards.

use rustix::io::Errno;

fn check(rc: libc::c_int) -> Result<(), Errno> {
    if rc == 0 { Ok(()) } else { Err(last()) }
}

/// The error number of the last failed C library call.
fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Sets all user ids, setuid(2).
pub fn set_uid(uid: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::setuid(uid) })
}

/// Sets all group ids, setgid(2).
pub fn set_gid(gid: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::setgid(gid) })
}

/// Replaces the supplementary groups, setgroups(2).
pub fn set_groups(gids: &[u32]) -> Result<(), Errno> {
    // SAFETY: the pointer and the count describe the slice.
    check(unsafe { libc::setgroups(gids.len(), gids.as_ptr()) })
}

/// Real, effective and saved user id, getresuid(2).
pub fn uids() -> Result<[u32; 3], Errno> {
    let [mut real, mut effective, mut saved] = [0; 3];
    // SAFETY: all three are writable.
    check(unsafe { libc::getresuid(&mut real, &mut effective, &mut saved) })?;
    Ok([real, effective, saved])
}

/// Real, effective and saved group id, getresgid(2).
pub fn gids() -> Result<[u32; 3], Errno> {
    let [mut real, mut effective, mut saved] = [0; 3];
    // SAFETY: all three are writable.
    check(unsafe { libc::getresgid(&mut real, &mut effective, &mut saved) })?;
    Ok([real, effective, saved])
}

/// Sets real, effective and saved user id, setresuid(2): also an unprivileged process of a setuid program keeps
/// no way back.
pub fn set_all_uids(uid: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::setresuid(uid, uid, uid) })
}

/// Sets real, effective and saved group id, setresgid(2).
pub fn set_all_gids(gid: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::setresgid(gid, gid, gid) })
}

/// The identity that a process assumes; ids that aren't given stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user id.
    pub uid: Option<u32>,
    /// The group id.
    pub gid: Option<u32>,
    /// The supplementary groups; the group id is added to them.
    pub groups: Option<Vec<u32>>,
}

/// Assumes an identity: first the supplementary groups, then the group, then the user, so that the process still has
/// the right to do each step.
///
/// Ids that are right already aren't set, so a process without privileges can assume the identity that it has.
/// Afterwards all ids are read back.
///
/// # Errors
/// What could not be changed, and why; `PERM` if the kernel reported success but the ids are others.  The
/// process may be changed in part then: end it.
pub fn assume(identity: &Identity) -> Result<(), (&'static str, Errno)> {
    if let Some(extra) = &identity.groups {
        let mut wanted = vec![identity.gid.unwrap_or_else(|| rustix::process::getegid().as_raw())];
        wanted.extend(extra.iter().filter(|g| !wanted.contains(g)).copied().collect::<Vec<_>>());
        let sorted = |mut groups: Vec<u32>| {
            groups.sort_unstable();
            groups.dedup();
            groups
        };
        let of_process = || -> Result<Vec<u32>, Errno> {
            Ok(sorted(rustix::process::getgroups()?.iter().map(|g| g.as_raw()).collect()))
        };
        let step = |e| ("set supplementary group list", e);
        if of_process().map_err(step)? != sorted(wanted.clone()) {
            set_groups(&wanted).map_err(step)?;
            if of_process().map_err(step)? != sorted(wanted) {
                return Err(step(Errno::PERM));
            }
        }
    }
    if let Some(gid) = identity.gid {
        become_one("setgid", gid, gids, set_gid)?;
    }
    if let Some(uid) = identity.uid {
        become_one("setuid", uid, uids, set_uid)?;
    }
    Ok(())
}

fn become_one(
    what: &'static str,
    id: u32,
    get: fn() -> Result<[u32; 3], Errno>,
    set: fn(u32) -> Result<(), Errno>,
) -> Result<(), (&'static str, Errno)> {
    let is_so = || Ok::<_, (&'static str, Errno)>(get().map_err(|e| (what, e))? == [id; 3]);
    if is_so()? {
        return Ok(());
    }
    set(id).map_err(|e| (what, e))?;
    if is_so()? { Ok(()) } else { Err((what, Errno::PERM)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_identity_can_be_assumed() {
        let groups = rustix::process::getgroups().unwrap().iter().map(|g| g.as_raw()).collect::<Vec<_>>();
        let (uid, gid) = (uids().unwrap()[0], gids().unwrap()[0]);
        // The group is added to the list, so only a list that contains it is unchanged.
        let groups = groups.contains(&gid).then_some(groups);
        assume(&Identity { uid: Some(uid), gid: Some(gid), groups }).unwrap();
    }
}
