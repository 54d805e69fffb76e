//! Prepares /run for the supervision tree: the part of the start that may need root's rights.
//!
//! `/init` does it itself if it can; otherwise `preinit` does it under s6-overlay-suexec.

use crate::boot::run_verdict::{Facts, Verdict, judge};
use crate::boot::var_run;
use crate::environment::settings::Settings;
use crate::environment::variables::{
    S6_READ_ONLY_ROOT, S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES,
};
use crate::layout::{BASEDIR, RESULTS, RUN, RUN_S6, SCANDIR, SUEXEC, UNCAUGHT_LOGS};
use crate::legacy::scripts;
use files::{remove_tree, rename_new, version_name};
use rustix::fs::{Access, AtFlags, CWD, FileType, Gid, Mode, Stat, StatVfsMountFlags, Uid};
use rustix::io::Errno;
use rustix::mount::MountFlags;
use std::fmt::Display;
use tool::path::join;
use tool::{Call, Env, Fatal, OrUnable, diag};

/// What a container makes in /run, besides the live directories of s6-rc.
const MADE_IN_RUN: [&str; 4] = [RUN_S6, SCANDIR, UNCAUGHT_LOGS, RESULTS];

/// The container's user, and the rights of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    /// The container's user.
    pub(crate) uid: u32,
    /// The container's group.
    pub(crate) gid: u32,
    /// Whether this process has root's rights.
    pub(crate) privileged: bool,
}

/// Prints warnings as the verbosity in the call's environment allows.
struct Warnings<'a>(&'a Call);

impl Warnings<'_> {
    fn warn(&self, text: impl Display) {
        if Settings::of_container(&self.0.env).verbosity() > 0 {
            self.0.warn(text);
        }
    }
}

/// Checks and prepares /run and /var/run, and removes what an earlier container left there.  `helpless` says why this process
/// can't get the rights that it doesn't have.
///
/// # Errors
/// /run can't be used: 100, and the message says what to change.  The system failed: 111.
pub(crate) fn prepare(call: &Call, owner: Owner, helpless: &str) -> Result<(), Fatal> {
    let warnings = Warnings(call);
    ensure_writable(&warnings, owner)?;
    match verdict(&call.env, owner)? {
        Verdict::Good => {}
        Verdict::Warn(concern) => warnings.warn(concern),
        Verdict::Take => {
            give(RUN, owner)?;
            sys::fs::chmod(RUN, Mode::from(0o755)).or_unable(|| "change the mode of /run")?;
        }
        Verdict::Refuse(why) => {
            let run = sys::fs::statat(CWD, RUN, AtFlags::empty()).ok();
            return Err(refusal(owner, run.as_ref(), &why.to_string(), helpless));
        }
    }
    if let Some(text) = var_run::link() {
        warnings.warn(&text);
    }
    clear(&warnings, owner)?;
    make_folders(call, owner)
}

/// Makes the folders that a container needs in /run.  If the image's own preinit made them, they stay, unless an earlier
/// container left them.
///
/// # Errors
/// The system failed: 111.
pub(crate) fn make_folders(call: &Call, owner: Owner) -> Result<(), Fatal> {
    if sys::fs::lstat(BASEDIR).is_ok() {
        clear(&Warnings(call), owner)?;
    }
    for folder in [RUN_S6, SCANDIR] {
        match sys::fs::mkdir(folder, Mode::from(0o755)) {
            Err(Errno::EXIST) => continue,
            made => made.or_unable(|| format!("make {folder}"))?,
        }
        if owner.privileged && owner.uid != 0 {
            give(folder, owner)?;
        }
    }
    var_run::link_folders();
    Ok(())
}

/// Why the container can't start, and what to change; `run` is what is known of /run.
fn refusal(owner: Owner, run: Option<&Stat>, why: &str, helpless: &str) -> Fatal {
    let (uid, gid) = (owner.uid, owner.gid);
    let run = run.map_or_else(String::new, |s| {
        format!(" ({}:{}, mode {:04o})", s.st_uid, s.st_gid, s.st_mode & 0o7777)
    });
    Fatal::user(format_args!(
        "/run{run} can't be used by {uid}:{gid}: {why}, and {helpless}; mount a tmpfs of the user's \
         on it (docker run --tmpfs /run:uid={uid}, podman run --tmpfs /run:U), or make it the user's in the image \
         (RUN chown {uid} /run)"
    ))
}

/// Why s6-overlay-suexec can't give root's rights; `None` if it can be asked.
pub(crate) fn why_no_help() -> Option<&'static str> {
    let helper = sys::fs::statat(CWD, SUEXEC, AtFlags::empty());
    obstacle_to_help(
        rustix::process::getpid().is_init(),
        helper.is_ok_and(|s| s.st_mode & 0o4000 != 0 && s.st_uid == 0),
        rustix::thread::no_new_privs().unwrap_or(false),
    )
}

/// The first obstacle to s6-overlay-suexec's help.
fn obstacle_to_help(is_init: bool, helper_is_setuid_root: bool, no_new_privs: bool) -> Option<&'static str> {
    match (is_init, helper_is_setuid_root, no_new_privs) {
        (false, _, _) => Some("s6-overlay-suexec can change that only as process 1"),
        (true, false, _) => Some("s6-overlay-suexec, which could change that, isn't setuid root"),
        (true, true, true) => Some("no_new_privs keeps s6-overlay-suexec from changing that"),
        (true, true, false) => None,
    }
}

/// Judges /run.
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

/// Whether something is wrong that needs root's rights.
pub(crate) fn needs_root(call: &Call, owner: Owner) -> bool {
    !matches!(verdict(&call.env, owner), Ok(Verdict::Good)) || !var_run::is_run() || !is_ours_to_clear(owner)
}

/// Whether everything that an earlier container left belongs to this user.
fn is_ours_to_clear(owner: Owner) -> bool {
    MADE_IN_RUN.iter().all(|path| match sys::fs::lstat(*path) {
        Ok(stat) => stat.st_uid == owner.uid,
        Err(_) => true,
    })
}

/// Makes the container's user the owner.
fn give(path: &str, owner: Owner) -> Result<(), Fatal> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    sys::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::empty())
        .or_unable(|| format!("change the owner of {path}"))
}

/// Makes sure that /run exists on a writable file system, and that programs can be executed there.
fn ensure_writable(warnings: &Warnings<'_>, owner: Owner) -> Result<(), Fatal> {
    if !Settings::of_container(&warnings.0.env).switch(S6_READ_ONLY_ROOT) && var_run::remove_useless_link() {
        warnings.warn("/run was a link that led nowhere, and is a folder now");
    }
    let kind = || sys::fs::statat(CWD, RUN, AtFlags::empty()).map(|s| FileType::from_raw_mode(s.st_mode));
    if kind() == Err(Errno::NOENT) && !Settings::of_container(&warnings.0.env).switch(S6_READ_ONLY_ROOT) {
        sys::fs::mkdir(RUN, Mode::from(0o755)).map_err(|e| {
            Fatal::user(format_args!(
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
                Fatal::user(format_args!(
                    "/run is read-only and no tmpfs can be mounted on it: {}; start the container with one (docker run --tmpfs /run)",
                    sys::strerror(e)
                ))
            })?;
        return Ok(());
    }
    let flags = rustix::fs::statvfs(RUN).or_unable(|| "look at the file system of /run")?.f_flag;
    if let Some(wanted) = remount_flags(flags) {
        let done =
            if owner.privileged { rustix::mount::mount_remount(RUN, wanted, c"") } else { Err(Errno::PERM) };
        if done.is_err() {
            warnings.warn(
                "/run is mounted noexec and can't be remounted: the run and finish scripts of services still work, \
                 but nothing else there can be executed",
            );
        }
    }
    Ok(())
}

/// The flags to remount /run with so that programs can be executed there; `None` if they can be already.
fn remount_flags(flags: StatVfsMountFlags) -> Option<MountFlags> {
    let kept =
        [(StatVfsMountFlags::NOSUID, MountFlags::NOSUID), (StatVfsMountFlags::NODEV, MountFlags::NODEV)];
    let kept = kept.iter().filter(|(has, _)| flags.contains(*has)).map(|(_, flag)| *flag);
    flags.contains(StatVfsMountFlags::NOEXEC).then(|| kept.fold(MountFlags::BIND, |all, flag| all | flag))
}

/// Removes what an earlier container left.  What root left in a folder of this user's moves aside if it can't be removed.
fn clear(warnings: &Warnings<'_>, owner: Owner) -> Result<(), Fatal> {
    // Links are followed on the way to a folder, so /run itself may be one.
    let device = |path: &str| sys::fs::stat(path).ok().map(|stat| stat.st_dev);
    let logs_are_a_volume = device(UNCAUGHT_LOGS).is_some_and(|d| device(RUN) != Some(d));
    let names = scripts::list(RUN.as_bytes()).or_unable(|| "read /run")?;
    let mut aside = Vec::new();
    for path in left_over(names, logs_are_a_volume) {
        let removed = match remove_tree(CWD, &path) {
            Err(Errno::ACCESS | Errno::PERM) if !owner.privileged && is_roots(&path) => {
                move_aside(&path).map(|place| aside.push(diag::shown(&place)))
            }
            done => done,
        };
        removed.or_unable(|| {
            format!("remove {}, left by an earlier container of perhaps another user", diag::show(&path))
        })?;
    }
    if !aside.is_empty() {
        warnings.warn(format_args!(
            "what root left in /run, in the image or in an earlier container, can't be removed and was moved aside: {}",
            aside.join(", ")
        ));
    }
    Ok(())
}

fn is_roots(path: &[u8]) -> bool {
    sys::fs::lstat(path).is_ok_and(|stat| stat.st_uid == 0)
}

/// Renames what can't be removed; returns its new place, which no later start looks at.
fn move_aside(path: &[u8]) -> Result<Vec<u8>, Errno> {
    let (folder, name) = tool::path::split(path);
    let place_name = &[b".", version_name(name, "left-over").as_slice()].concat();
    let place = join(folder, place_name);
    rename_new(files::open_dir(CWD, folder)?, name, place_name).map(|()| place)
}

/// The paths that an earlier container may have left, where /run has these names.  Logs on a volume stay.
fn left_over(names: Vec<Vec<u8>>, logs_are_a_volume: bool) -> Vec<Vec<u8>> {
    let made = MADE_IN_RUN.iter().filter(|path| !(logs_are_a_volume && **path == UNCAUGHT_LOGS));
    let live_directories = names.into_iter().filter(|name| name.starts_with(b"s6-rc"));
    let live_directories = live_directories.map(|name| join(RUN.as_bytes(), &name));
    made.map(|path| path.as_bytes().to_vec()).chain(live_directories).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_obstacle_to_help_is_named() {
        let mut lines = Vec::new();
        for is_init in [false, true] {
            for setuid in [false, true] {
                for no_new_privs in [false, true] {
                    lines.push(format!(
                        "process 1: {is_init}, setuid root: {setuid}, no_new_privs: {no_new_privs}: {}",
                        obstacle_to_help(is_init, setuid, no_new_privs).unwrap_or("can help")
                    ));
                }
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_refusal_says_what_run_is_like_and_what_to_change() {
        let owner = Owner { uid: 1000, gid: 1001, privileged: false };
        let mut run = sys::fs::stat("/").unwrap();
        (run.st_uid, run.st_gid, run.st_mode) = (7, 8, 0o040_755);
        let known = refusal(owner, Some(&run), "WHY", "HELPLESS");
        let unknown = refusal(owner, None, "WHY", "HELPLESS");
        assert_eq!((known.code(), unknown.code()), (100, 100));
        insta::assert_snapshot!(format!("{}\n{}", known.message(), unknown.message()));
    }

    #[test]
    fn only_noexec_is_removed_by_the_remount() {
        use StatVfsMountFlags as Has;
        let (nosuid, nodev) = (MountFlags::NOSUID, MountFlags::NODEV);
        for (has, wanted) in [
            (Has::empty(), None),
            (Has::NOSUID | Has::NODEV, None),
            (Has::NOEXEC, Some(MountFlags::BIND)),
            (Has::NOEXEC | Has::NOSUID, Some(MountFlags::BIND | nosuid)),
            (Has::NOEXEC | Has::NODEV, Some(MountFlags::BIND | nodev)),
            (Has::NOEXEC | Has::NOSUID | Has::NODEV, Some(MountFlags::BIND | nosuid | nodev)),
        ] {
            assert_eq!(remount_flags(has), wanted, "{has:?}");
        }
    }

    #[test]
    fn what_an_earlier_container_left_is_removed_except_logs_on_a_volume() {
        let names = ["lock", "s6", "s6-rc", "s6-rc:s6-rc-init:abc", "service", "x-s6-rc"];
        let paths = |logs_are_a_volume| -> Vec<String> {
            let names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            left_over(names, logs_are_a_volume).iter().map(|path| diag::shown(path)).collect()
        };
        let live = ["/run/s6-rc", "/run/s6-rc:s6-rc-init:abc"];
        let results = "/run/s6-linux-init-container-results";
        let made = ["/run/s6", "/run/service", "/run/uncaught-logs", results];
        assert_eq!(paths(false), [&made[..], &live].concat());
        assert_eq!(paths(true), [&["/run/s6", "/run/service", results][..], &live].concat());
    }
}
