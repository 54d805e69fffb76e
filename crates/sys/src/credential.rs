//! User and group ids of the process.
//!
//! Each change concerns real, effective and saved id at once, as set*id(2) do for a privileged process.
//! [`assume`] is the whole change in the right order, checked afterwards.

use rustix::io::Errno;
use rustix::process::{Gid, Uid};

fn check(rc: libc::c_int) -> Result<(), Errno> {
    if rc == 0 { Ok(()) } else { Err(crate::errno::last()) }
}

/// Sets all user ids, setuid(2).  The C library's function would block all signals for that, because of other threads.
pub fn set_uid(uid: u32) -> Result<(), Errno> {
    rustix::thread::set_thread_uid(Uid::from_raw(uid))
}

/// Sets all group ids, setgid(2).
pub fn set_gid(gid: u32) -> Result<(), Errno> {
    rustix::thread::set_thread_gid(Gid::from_raw(gid))
}

/// Replaces the supplementary groups, setgroups(2).
pub fn set_groups(gids: &[u32]) -> Result<(), Errno> {
    rustix::thread::set_thread_groups(&gids.iter().copied().map(Gid::from_raw).collect::<Vec<_>>())
}

/// The supplementary groups, getgroups(2).
fn groups() -> Result<Vec<u32>, Errno> {
    let mut some = [0; 32];
    // SAFETY: the pointer and the count describe the array.
    let count = unsafe { libc::getgroups(some.len() as libc::c_int, some.as_mut_ptr()) };
    match usize::try_from(count) {
        Ok(count) => Ok(some.get(..count).unwrap_or_default().to_vec()),
        // More than that.
        Err(_) => Ok(rustix::process::getgroups()?.iter().map(|gid| gid.as_raw()).collect()),
    }
}

/// Whether the effective ids aren't the real ones.
#[must_use]
pub fn is_raised() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    getuid() != geteuid() || getgid() != getegid()
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

/// Gives up what exec gained by a set-id bit or by capabilities of the program's file: all ids become the real ones, and
/// only ambient capabilities stay.  For programs of many tools, each of which would else have the rights.
///
/// A process of root gains nothing; its ids stay as its caller made them.
///
/// # Errors
/// Something could not be given up: end the process.
pub fn give_up_gained() -> Result<(), Errno> {
    // SAFETY: reads the auxiliary vector, which the kernel has put behind the environment.
    let noted = |key| unsafe { libc::getauxval(key) };
    let unchanged =
        noted(libc::AT_UID) == noted(libc::AT_EUID) && noted(libc::AT_GID) == noted(libc::AT_EGID);
    // The kernel sets the flag whenever a file gave rights to a process that isn't root's.
    if noted(libc::AT_SECURE) == 0 && unchanged {
        return Ok(());
    }
    let (uid, gid) = (uids()?[0], gids()?[0]);
    if uid == 0 {
        return Ok(());
    }
    set_all_gids(gid)?;
    set_all_uids(uid)?;
    if uids()? != [uid; 3] || gids()? != [gid; 3] {
        return Err(Errno::PERM);
    }
    keep_ambient()
}

/// Gives up all capabilities but ambient ones, which the caller and not the file gave.
fn keep_ambient() -> Result<(), Errno> {
    use rustix::thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_ambient_set, set_capabilities,
    };
    let now = capabilities(None)?;
    // Kernels before 4.3 have none.
    let is_ambient = |one: &CapabilitySet| capability_is_in_ambient_set(*one).unwrap_or(false);
    let ambient: CapabilitySet = now.permitted.iter().filter(is_ambient).collect();
    if now.permitted == ambient {
        return Ok(());
    }
    let kept = CapabilitySets { effective: now.effective & ambient, permitted: ambient, ..now };
    set_capabilities(None, kept)?;
    if capabilities(None)?.permitted == ambient { Ok(()) } else { Err(Errno::PERM) }
}

/// Gives up all privileges for good: capabilities, what a set-id file might give, and, where it is root's, its user and groups
/// for this number.
///
/// The user stays if that isn't possible: in a user namespace without the number, or without the rights to change it, or if its
/// parent, which has the same capabilities, couldn't send signals to a process of another user's.
///
/// # Errors
/// Something could not be given up: end the process.
pub fn give_up_all(id: Option<u32>) -> Result<(), Errno> {
    use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};
    let now = capabilities(None)?;
    if rustix::process::geteuid().is_root() && now.effective.contains(CapabilitySet::KILL) {
        let _ = assume(&Identity { uid: id, gid: id, groups: id.map(|_| Vec::new()) });
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    set_no_new_privs(true)
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

/// A step of [`assume`], in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Setting the supplementary groups.
    Groups,
    /// Setting the group ids.
    Group,
    /// Setting the user ids.
    User,
}

/// Assumes an identity: first the supplementary groups, then the group, then the user, so that the process still has
/// the right to do each step.
///
/// All ids are read back, and only that counts: a process without privileges can assume the identity that it has.  It
/// keeps supplementary groups that the identity doesn't have, because it can't give them up.
///
/// # Errors
/// The step that failed, and why; `PERM` if the kernel reported success but the ids are others.  The
/// process may be changed in part then: end it.
pub fn assume(identity: &Identity) -> Result<(), (Step, Errno)> {
    if let Some(extra) = &identity.groups {
        assume_groups(identity, extra).map_err(|e| (Step::Groups, e))?;
    }
    if let Some(gid) = identity.gid {
        become_one(gid, gids, set_gid).map_err(|e| (Step::Group, e))?;
    }
    if let Some(uid) = identity.uid {
        become_one(uid, uids, set_uid).map_err(|e| (Step::User, e))?;
    }
    Ok(())
}

fn assume_groups(identity: &Identity, extra: &[u32]) -> Result<(), Errno> {
    let own = || rustix::process::getegid().as_raw();
    let mut wanted = vec![identity.gid.unwrap_or_else(own)];
    wanted.extend(extra.iter().filter(|g| !wanted.contains(g)).copied().collect::<Vec<_>>());
    let done = set_groups(&wanted);
    let held = groups()?;
    match done {
        _ if sorted(&held) == sorted(&wanted) => Ok(()),
        Err(Errno::PERM) if ids_are(identity)? && are_among(&wanted, &held, own()) => Ok(()),
        Err(e) => Err(e),
        Ok(()) => Err(Errno::PERM),
    }
}

fn sorted(groups: &[u32]) -> Vec<u32> {
    let mut groups = groups.to_vec();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Whether a process with the supplementary groups `held` and the group `own` is in all groups of `wanted`.
fn are_among(wanted: &[u32], held: &[u32], own: u32) -> bool {
    wanted.iter().all(|g| *g == own || held.contains(g))
}

/// Whether all user and group ids of the process are those that the identity gives.
fn ids_are(identity: &Identity) -> Result<bool, Errno> {
    let (uids, gids) = (uids()?, gids()?);
    Ok(identity.uid.is_none_or(|id| uids == [id; 3]) && identity.gid.is_none_or(|id| gids == [id; 3]))
}

fn become_one(
    id: u32,
    get: fn() -> Result<[u32; 3], Errno>,
    set: fn(u32) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let done = set(id);
    if get()? == [id; 3] { Ok(()) } else { done.and(Err(Errno::PERM)) }
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

    #[test]
    fn groups_are_held_as_supplementary_ones_or_as_the_own_group() {
        assert!(are_among(&[5, 20], &[20, 30], 5));
        assert!(are_among(&[20], &[30, 20], 5));
        assert!(!are_among(&[5, 21], &[20, 30], 5));
        assert!(!are_among(&[5], &[], 6));
    }
}
