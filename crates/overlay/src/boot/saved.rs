//! What the start of a container saves or makes in /run: its environment, its working directory, the links to `halt` and
//! its relatives, and the FIFO for requests.

use crate::environment::contenv;
use crate::environment::variables::PATH;
use crate::layout::{
    BASEDIR, BINARY, OLD_SCANDIR, RUN, SCANDIR, SKELETON, STAGE_ENV, STAGE_SCRIPTS, WORKDIR,
};
use crate::pid1::{NAME, exit_code};
use files::Permissions;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use supervision::by_hand::FIFO;
use tool::{Env, Fatal, OrUnable, diag};

/// The scripts of the stages.
const STAGES: [&str; 3] = ["rc.init", "rc.shutdown", "rc.shutdown.final"];

/// The limit of a script's length.
const SCRIPT_MAX: usize = 1024 * 1024;

/// Saves what the container was started with; returns the environment of everything in it.
pub(crate) fn save(container: &Env, workdir: &[u8]) -> Result<Env, Fatal> {
    if !contenv::is_kept(container) {
        let skipped = contenv::store(container).or_unable(|| "save the container's environment")?;
        if let Some(full) = skipped.iter().find(|s| matches!(s.reason, Errno::NOSPC | Errno::DQUOT)) {
            return Err(Fatal::unable("save the container's environment", full.reason));
        }
        for skipped in skipped {
            let (name, reason) = (diag::show(&skipped.name), sys::strerror(skipped.reason));
            let text = "can't be a file of the container's environment";
            diag::warn(NAME, format_args!("the variable {name} {text}: {reason}"));
        }
    }
    let env = children_env(container);
    exit_code::reset().or_unable(|| "make the file for the exit code")?;
    let text = [workdir, b"\n"].concat();
    files::write_file(CWD, WORKDIR.as_bytes(), &text, Permissions::LessUmask(0o644))
        .or_unable(|| format!("write {WORKDIR}"))?;
    make_basedir(&env)?;
    sys::fs::symlink(SCANDIR, OLD_SCANDIR).or_unable(|| format!("make {OLD_SCANDIR}"))?;
    Ok(env)
}

/// The same failure with the size of /run, if that is full.
pub(crate) fn with_space(fatal: Fatal) -> Fatal {
    let Ok(space) = rustix::fs::statvfs(RUN) else { return fatal };
    let what = match (space.f_bavail, space.f_files > 0 && space.f_ffree == 0) {
        (0, _) => size(space.f_blocks.saturating_mul(space.f_frsize)),
        (_, true) => format!("{} files", space.f_files),
        _ => return fatal,
    };
    let text = format!(
        "{}: /run is full, it holds at most {what}; give it more (docker run --tmpfs /run:exec,size=16m)",
        fatal.message()
    );
    Fatal::new(fatal.code(), text)
}

/// A size for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..0x40_0000 => format!("{} KiB", bytes.div_ceil(0x400)),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Makes what scripts expect in the folder that the reference boots from: links to `halt` and its relatives, the scripts
/// of the stages, and the environment of everything in the container.
fn make_basedir(env: &Env) -> Result<(), Fatal> {
    let bin = format!("{BASEDIR}/bin");
    for folder in [BASEDIR, &bin, STAGE_SCRIPTS] {
        sys::fs::mkdir(folder, Mode::from(0o755)).or_unable(|| format!("make {folder}"))?;
    }
    for name in STAGES {
        // An image may have removed a script.
        if let Ok(text) = files::read_file(CWD, format!("{SKELETON}/{name}").as_bytes(), SCRIPT_MAX) {
            let path = format!("{STAGE_SCRIPTS}/{name}");
            files::write_file(CWD, path.as_bytes(), &text, Permissions::LessUmask(0o755))
                .or_unable(|| format!("make {path}"))?;
        }
    }
    let is_kept = contenv::is_kept(env);
    let mode = if is_kept { 0o700 } else { 0o755 };
    sys::fs::mkdir(STAGE_ENV, Mode::from(mode)).or_unable(|| format!("make {STAGE_ENV}"))?;
    if is_kept {
        contenv::dump(env, STAGE_ENV).or_unable(|| format!("write to {STAGE_ENV}"))?;
    }
    let program =
        sys::fs::readlink("/proc/self/exe", Vec::new()).map_or_else(|_| BINARY.into(), |p| p.into_bytes());
    for name in ["halt", "poweroff", "reboot", "shutdown", "telinit"] {
        sys::fs::symlink(program.as_slice(), format!("{bin}/{name}"))
            .or_unable(|| format!("make {bin}/{name}"))?;
    }
    Ok(())
}

/// Makes and opens the FIFO for requests to the first process.  It is open for reading and writing, so it never reaches its
/// end.
pub(crate) fn make_fifo() -> Result<OwnedFd, Fatal> {
    sys::fs::mknodat(CWD, FIFO, FileType::Fifo, Mode::from(0o600), 0).or_unable(|| format!("make {FIFO}"))?;
    open_fifo().or_unable(|| format!("open {FIFO}"))
}

/// Opens the FIFO for requests, for reading and writing so that it never ends.
pub(crate) fn open_fifo() -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    sys::fs::openat(CWD, FIFO, flags, Mode::empty())
}

/// The environment of everything in the container.
pub(crate) fn children_env(container: &Env) -> Env {
    if contenv::is_kept(container) {
        return container.clone();
    }
    let mut env = Env::new();
    env.set(PATH.bytes(), container.get(PATH.bytes()).unwrap_or_default());
    env
}
