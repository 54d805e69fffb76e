//! Whether the caller may control services.

use super::names::Selected;
use super::{daemon_of, other_daemon};
use overlay::layout::LIVE;
use rustix::fs::Access;
use rustix::io::Errno;
use s6_rc::live::Live;
use tool::Fatal;
use tool::diag::shown;
use tool::path::join;

/// Checks that this process may control the selected services.
///
/// # Errors
/// It may not: code 111, with who may.
pub(super) fn check(live: &Live, selected: &Selected) -> Result<(), Fatal> {
    let ids = (0..).zip(&selected.services).filter(|(_, is)| **is).map(|(id, _)| id);
    let is_longrun = |id: &u32| live.database().service(*id).is_some_and(|service| service.is_longrun());
    let daemons = ids.clone().filter(is_longrun).map(|id| daemon_of(live, id));
    let others = selected.others.iter().map(|name| other_daemon(name));
    for daemon in daemons.chain(others) {
        let folder = join(&daemon.dir, b"supervise");
        may_write(&daemon.name, &folder, &join(&folder, b"control"), "control FIFO")?;
    }
    // A oneshot has no FIFO; the live state is changed for everything that s6-rc manages.
    match ids.clone().next() {
        Some(id) => {
            let lock = join(LIVE.as_bytes(), b"lock");
            may_write(live.database().name(id), &lock, &lock, "/run/s6-rc/lock")
        }
        None => Ok(()),
    }
}

/// Checks that this process may change what the container's services are.
///
/// # Errors
/// It may not: code 111, with who may.
pub(super) fn check_container() -> Result<(), Fatal> {
    let lock = join(LIVE.as_bytes(), b"lock");
    may_write(b"the container", &lock, &lock, "/run/s6-rc/lock")
}

/// Checks that a file can be written, if it is there; `owned` belongs to the user who can.
fn may_write(name: &[u8], owned: &[u8], file: &[u8], what: &str) -> Result<(), Fatal> {
    if !matches!(sys::fs::access(file, Access::WRITE_OK), Err(Errno::ACCESS | Errno::PERM)) {
        return Ok(());
    }
    let Ok(stat) = sys::fs::stat(owned) else { return Ok(()) };
    let owner = match sys::account::user_of_id(stat.st_uid) {
        Ok(Some(user)) => shown(&user.name),
        _ => stat.st_uid.to_string(),
    };
    let text = refusal(&shown(name), what, &owner, stat.st_uid, rustix::process::geteuid().as_raw());
    Err(Fatal::new(111, text))
}

fn refusal(name: &str, what: &str, owner: &str, uid: u32, own: u32) -> String {
    format!("{name} is controlled by {owner} ({what} 0600); you are {own}: use `docker exec -u {uid}`")
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_may_not_is_told_who_may() {
        assert_eq!(
            super::refusal("mailer", "control FIFO", "root", 0, 1000),
            "mailer is controlled by root (control FIFO 0600); you are 1000: use `docker exec -u 0`"
        );
    }
}
