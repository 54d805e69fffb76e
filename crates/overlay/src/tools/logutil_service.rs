//! `logutil-service`: the usual logger of a service: `s6-log` as nobody, with the container's logging script.

use crate::contenv;
use rustix::fs::{Access, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use s6::identity;
use std::os::fd::OwnedFd;
use sys::credential::Identity;
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Program, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "logutil-service",
    summary: "log standard input into a self-rotating directory, as nobody",
    operands: "directory",
    options: &[Opt::value('f', "fifo", "log what comes through this FIFO, not standard input")],
    role: Role::Chain,
    main,
};

/// The logging script if S6_LOGGING_SCRIPT isn't set.
const DEFAULT_SCRIPT: &[u8] = b"n20 s1000000 T";

/// Who logs where there is no account named nobody.
const OVERFLOW_ID: u32 = 65534;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let dir = call.shift().map_err(|e| e.with_code(1))?;
    if !dir.starts_with(b"/") && !dir.starts_with(b".") {
        return Err(Fatal::user(format!(
            "the directory has to begin with / or . but is {}",
            diag::show(&dir)
        )));
    }
    if let Some(fifo) = options.get('f').filter(|f| !f.is_empty()) {
        let fd = open_fifo(fifo).or_unable(|| format!("open {}", diag::show(fifo)))?;
        sys::fd::place(fd, 0).or_unable(|| "move the FIFO to standard input")?;
    }
    let script = contenv::lookup(&call.env, b"S6_LOGGING_SCRIPT");
    let mut argv: Vec<Vec<u8>> = [&b"s6-log"[..], b"-b", b"--"].map(<[u8]>::to_vec).to_vec();
    argv.extend(words(script.as_deref().unwrap_or(DEFAULT_SCRIPT)));
    argv.push(dir.clone());
    // Without privileges there are none to give up.
    if rustix::process::geteuid().is_root() {
        identity::assume(&nobody()?)?;
    }
    check(&dir)?;
    Ok(Next::Run(Program { file: tool::own_file("s6-log"), argv, env: Env::new() }))
}

/// Opens without waiting for a writer; reading waits as usual.
fn open_fifo(fifo: &[u8]) -> Result<OwnedFd, Errno> {
    let fd = rustix::fs::open(fifo, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fcntl_setfl(&fd, OFlags::empty())?;
    Ok(fd)
}

/// The directives of a script; they have no quotes.
fn words(script: &[u8]) -> Vec<Vec<u8>> {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
    script.split(blank).filter(|w| !w.is_empty()).map(<[u8]>::to_vec).collect()
}

fn nobody() -> Result<Identity, Fatal> {
    if sys::account::user(b"nobody").or_unable(|| "read /etc/passwd")?.is_some() {
        return identity::of_account(b"nobody");
    }
    Ok(Identity { uid: Some(OVERFLOW_ID), gid: Some(OVERFLOW_ID), groups: Some(Vec::new()) })
}

/// Says in one line what keeps the logger out of its directory.
fn check(dir: &[u8]) -> Result<(), Fatal> {
    let allowed = |path: &[u8], access| rustix::fs::access(path, access);
    let need = Access::WRITE_OK | Access::EXEC_OK;
    let (place, st) = match rustix::fs::stat(dir) {
        Ok(st) if !FileType::from_raw_mode(st.st_mode).is_dir() => {
            return Err(Fatal::new(
                111,
                format!("unable to log into {}: it is no directory", diag::show(dir)),
            ));
        }
        Ok(st) => (dir.to_vec(), st),
        Err(Errno::NOENT) => {
            let parent = parent(dir);
            let st = rustix::fs::stat(parent.as_slice()).or_unable(|| {
                format!("log into {}, which has to be made in {}", diag::show(dir), diag::show(&parent))
            })?;
            (parent, st)
        }
        Err(e) => return Err(Fatal::unable(&format!("log into {}", diag::show(dir)), e)),
    };
    allowed(&place, need).map_err(|e| refusal(dir, &place, &st, e))?;
    for name in ["lock", "current", "state"] {
        let file = [dir, b"/", name.as_bytes()].concat();
        if let Ok(st) = rustix::fs::stat(file.as_slice()) {
            allowed(&file, Access::WRITE_OK).map_err(|e| refusal(dir, &file, &st, e))?;
        }
    }
    Ok(())
}

/// The directory that a path is in.
fn parent(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |i| i.saturating_add(1));
    let name = path.get(..end).unwrap_or_default();
    match name.iter().rposition(|b| *b == b'/') {
        None => b".".to_vec(),
        Some(0) => b"/".to_vec(),
        Some(slash) => name.get(..slash).unwrap_or_default().to_vec(),
    }
}

fn refusal(dir: &[u8], place: &[u8], st: &Stat, e: Errno) -> Fatal {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let (dir, place) = (diag::show(dir), diag::show(place));
    let text = format!(
        "unable to log into {dir}: {}: the logger runs as {uid}:{gid}, {place} belongs to {}:{} and has mode {:04o}",
        sys::strerror(e),
        st.st_uid,
        st.st_gid,
        st.st_mode & 0o7777
    );
    Fatal::new(111, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_split_at_blanks() {
        assert_eq!(words(DEFAULT_SCRIPT), [b"n20".to_vec(), b"s1000000".to_vec(), b"T".to_vec()]);
        assert_eq!(words(b" \tpx:\n"), [b"px:".to_vec()]);
        assert!(words(b"").is_empty());
    }

    #[test]
    fn parents() {
        for (path, expected) in [("/a/b/", "/a"), ("/a", "/"), ("./a", "."), ("..", "."), ("a//b", "a/")] {
            assert_eq!(parent(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }
}
