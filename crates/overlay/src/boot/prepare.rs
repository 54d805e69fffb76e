//! Makes /run fit for the supervision tree: what needs, or may need, root's rights.
//!
//! Done by `/init` itself where it can be, else by `preinit` under s6-overlay-suexec.

use crate::boot::run_verdict::{Facts, Verdict, judge};
use crate::environment::settings::Settings;
use crate::environment::variables::{
    S6_READ_ONLY_ROOT, S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES,
};
use crate::layout::{RESULTS, RUN, RUN_S6, SCANDIR, SUEXEC, UNCAUGHT_LOGS};
use crate::legacy::scripts;
use files::remove_tree;
use rustix::fs::{Access, AtFlags, CWD, FileType, Gid, Mode, StatVfsMountFlags, Uid};
use rustix::io::Errno;
use rustix::mount::MountFlags;
use tool::path::join;
use tool::{Call, Env, Fatal, OrUnable};

const VAR_RUN: &str = "/var/run";

/// What a container makes in /run, beside the s6-rc states.
const OLD: [&str; 4] = [RUN_S6, SCANDIR, UNCAUGHT_LOGS, RESULTS];

/// Whom the container is for, and what this process may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    /// The container's user.
    pub(crate) uid: u32,
    /// The container's group.
    pub(crate) gid: u32,
    /// This process has root's rights.
    pub(crate) privileged: bool,
}

/// A call's diagnostics at the verbosity of its environment.
struct Voice<'a>(&'a Call);

impl Voice<'_> {
    fn warn(&self, text: &str) {
        if Settings::of_container(&self.0.env).verbosity() > 0 {
            self.0.warn(text);
        }
    }
}

/// Checks and prepares /run and /var/run, and clears what an earlier container left there.  `helpless` says what keeps
/// others from giving the rights that this process doesn't have.
///
/// # Errors
/// 100 if /run can't be used, with what to change; 111 if the system fails.
pub(crate) fn prepare(call: &Call, owner: Owner, helpless: &str) -> Result<(), Fatal> {
    let voice = Voice(call);
    ensure_writable(&voice, owner)?;
    match verdict(&call.env, owner)? {
        Verdict::Good => {}
        Verdict::Warn(concern) => voice.warn(&concern.to_string()),
        Verdict::Take => {
            give(RUN, owner)?;
            sys::fs::chmod(RUN, Mode::from(0o755)).or_unable(|| "change the mode of /run")?;
        }
        Verdict::Refuse(why) => return Err(refusal(owner, &why.to_string(), helpless)),
    }
    link_var_run(&voice);
    clear()?;
    for folder in [RUN_S6, SCANDIR] {
        sys::fs::mkdir(folder, Mode::from(0o755)).or_unable(|| format!("make {folder}"))?;
        if owner.privileged && owner.uid != 0 {
            give(folder, owner)?;
        }
    }
    Ok(())
}

/// Why the container can't start, and what to change.
fn refusal(owner: Owner, why: &str, helpless: &str) -> Fatal {
    let (uid, gid) = (owner.uid, owner.gid);
    let run = sys::fs::statat(CWD, RUN, AtFlags::empty()).map_or_else(
        |_| String::new(),
        |s| format!(" ({}:{}, mode {:04o})", s.st_uid, s.st_gid, s.st_mode & 0o7777),
    );
    Fatal::user(format!(
        "/run{run} can't be used by {uid}:{gid}: {why}, and {helpless}; mount a tmpfs of the user's \
         on it (docker run --tmpfs /run:uid={uid}, podman run --tmpfs /run:U), or make it the user's in the image \
         (RUN chown {uid} /run)"
    ))
}

/// What keeps s6-overlay-suexec from giving root's rights; nothing if it can be asked.
pub(crate) fn why_no_help() -> Option<&'static str> {
    let helper = sys::fs::statat(CWD, SUEXEC, AtFlags::empty());
    if !rustix::process::getpid().is_init() {
        Some("s6-overlay-suexec can change that only as process 1")
    } else if !helper.is_ok_and(|s| s.st_mode & 0o4000 != 0 && s.st_uid == 0) {
        Some("s6-overlay-suexec, which could change that, isn't setuid root")
    } else if rustix::thread::no_new_privs().unwrap_or(false) {
        Some("no_new_privs keeps s6-overlay-suexec from changing that")
    } else {
        None
    }
}

/// The verdict about /run as it is.
fn verdict(env: &Env, owner: Owner) -> Result<Verdict, Fatal> {
    let stat = sys::fs::statat(CWD, RUN, AtFlags::empty()).or_unable(|| "stat /run")?;
    Ok(judge(Facts {
        uid: owner.uid,
        gid: owner.gid,
        privileged: owner.privileged,
        run_uid: stat.st_uid,
        run_gid: stat.st_gid,
        run_mode: stat.st_mode & 0o7777,
        insecure_accepted: Settings::of_container(env)
            .switch(S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES),
    }))
}

/// Whether something is wrong that root could fix.
pub(crate) fn needs_root(call: &Call, owner: Owner) -> bool {
    !matches!(verdict(&call.env, owner), Ok(Verdict::Good)) || !var_run_is_link() || !is_ours_to_clear(owner)
}

/// Whether what an earlier container left belongs to this user.
fn is_ours_to_clear(owner: Owner) -> bool {
    OLD.iter().all(|path| match sys::fs::lstat(*path) {
        Ok(stat) => stat.st_uid == owner.uid,
        Err(_) => true,
    })
}

fn give(path: &str, owner: Owner) -> Result<(), Fatal> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    sys::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::empty())
        .or_unable(|| format!("change the owner of {path}"))
}

/// There is a /run, not on a read-only file system, and programs can be executed in it.
fn ensure_writable(voice: &Voice<'_>, owner: Owner) -> Result<(), Fatal> {
    let kind = || sys::fs::statat(CWD, RUN, AtFlags::empty()).map(|s| FileType::from_raw_mode(s.st_mode));
    if kind() == Err(Errno::NOENT) && !Settings::of_container(&voice.0.env).switch(S6_READ_ONLY_ROOT) {
        sys::fs::mkdir(RUN, Mode::from(0o755)).map_err(|e| {
            Fatal::user(format!(
                "there is no /run and none can be made: {}; make it in the image, or start the container with one \
                 (docker run --tmpfs /run)",
                sys::strerror(e)
            ))
        })?;
    }
    if kind() != Ok(FileType::Directory) {
        return Err(Fatal::user("/run is missing or not a folder, and it can't be made here"));
    }
    if sys::fs::accessat(CWD, RUN, Access::WRITE_OK, AtFlags::EACCESS) == Err(Errno::ROFS) {
        rustix::mount::mount("tmpfs", RUN, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0755")
            .map_err(|e| {
                Fatal::user(format!(
                    "/run is read-only and no tmpfs can be mounted on it: {}; start the container with one (docker run --tmpfs /run)",
                    sys::strerror(e)
                ))
            })?;
        return Ok(());
    }
    let flags = rustix::fs::statvfs(RUN).or_unable(|| "look at the file system of /run")?.f_flag;
    if flags.contains(StatVfsMountFlags::NOEXEC) {
        let kept =
            [(StatVfsMountFlags::NOSUID, MountFlags::NOSUID), (StatVfsMountFlags::NODEV, MountFlags::NODEV)];
        let keep = kept.iter().filter(|(has, _)| flags.contains(*has)).map(|(_, flag)| *flag);
        let wanted = keep.fold(MountFlags::BIND, |all, flag| all | flag);
        let done =
            if owner.privileged { rustix::mount::mount_remount(RUN, wanted, c"") } else { Err(Errno::PERM) };
        if done.is_err() {
            voice.warn(
                "/run is mounted noexec and can't be remounted: the run and finish scripts of services still work, \
                 but nothing else there can be executed",
            );
        }
    }
    Ok(())
}

/// Whether /var/run leads to /run, and not by being a folder of its own.
fn var_run_is_link() -> bool {
    sys::fs::readlink(VAR_RUN, Vec::new()).is_ok()
        && std::fs::canonicalize(VAR_RUN).is_ok_and(|p| std::fs::canonicalize(RUN).is_ok_and(|r| r == p))
}

/// Old scripts use /var/run.  Without it the container still works, so a failure is only said.
fn link_var_run(voice: &Voice<'_>) {
    if var_run_is_link() {
        return;
    }
    let is_missing = sys::fs::lstat(VAR_RUN).is_err();
    let made = match sys::fs::mkdir("/var", Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(e),
    };
    let linked = made
        .and_then(|()| remove_tree(CWD, VAR_RUN.as_bytes()))
        .and_then(|()| sys::fs::symlink(RUN, VAR_RUN));
    match linked {
        Ok(()) if is_missing => {}
        Ok(()) => voice.warn("/var/run wasn't a link to /run, and is one now"),
        Err(e) => voice.warn(&format!(
            "/var/run isn't a link to /run and can't be made one: {}; scripts that use it find nothing there \
             (in the image: ln -s /run /var/run)",
            sys::strerror(e)
        )),
    }
}

/// Removes what an earlier container left.
fn clear() -> Result<(), Fatal> {
    let device = |path: &str| sys::fs::lstat(path).ok().map(|stat| stat.st_dev);
    // Logs on a volume are meant to stay.
    let stays = |path: &&str| *path == UNCAUGHT_LOGS && device(path).is_some_and(|d| device(RUN) != Some(d));
    let mut old: Vec<Vec<u8>> = OLD.iter().filter(|p| !stays(p)).map(|p| p.as_bytes().to_vec()).collect();
    let names = scripts::list(RUN.as_bytes()).or_unable(|| "read /run")?;
    let states = names.into_iter().filter(|n| n.starts_with(b"s6-rc"));
    old.extend(states.map(|n| join(RUN.as_bytes(), &n)));
    for path in old {
        remove_tree(CWD, &path).or_unable(|| {
            format!(
                "remove {}, left by an earlier container of perhaps another user",
                tool::diag::show(&path)
            )
        })?;
    }
    Ok(())
}
