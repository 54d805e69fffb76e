//! The catch-all logger of S6_LOGGING: a service that reads from a FIFO all output that no other logger reads.
//!
//! With 1 it also shows each line on the container's standard error, with 2 it doesn't.  It follows the directives of
//! S6_LOGGING_SCRIPT for time stamps and rotation, and ignores those that select lines or send them elsewhere: they would
//! keep lines out of the log of everything.

use crate::environment::settings::{Settings, split_words};
use crate::environment::variables::{S6_CATCHALL_USER, S6_LOGGING, S6_LOGGING_SCRIPT, TZ};
use crate::layout::{SCANDIR, UNCAUGHT_LOGS};
use files::Permissions;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::process::Pid;
use std::fmt::Write;
use std::os::fd::OwnedFd;
use supervision::control::CATCH_ALL;
use supervision::status::read_status;
use sys::account::User;
use tool::path::join;
use tool::{Fatal, OrUnable, diag, quote};
use wire::number;

/// The FIFO that it reads.
pub(crate) const FIFO: &str = "/run/service/s6-svscan-log/fifo";

/// The value of S6_LOGGING with which the logger shows what it logs.
const SHOWN: u32 = 1;

/// The kernel's name of the logger's process.
const LOGGER: &[u8] = b"s6-log\n";

fn create(path: &str, content: &str, mode: u32) -> Result<(), Errno> {
    files::write_file(CWD, path.as_bytes(), content.as_bytes(), Permissions::LessUmask(mode))
}

/// The value of S6_LOGGING: 0, 1 or 2.
fn level(settings: &Settings<'_>, warn: impl Fn(&str)) -> u32 {
    let Some(value) = settings.given(S6_LOGGING) else { return 0 };
    let number = number::decimal::<u32>(value.trim_ascii_end());
    let level = number.unwrap_or(0).min(2);
    if number != Some(level) {
        warn(&format!(
            "{S6_LOGGING} is {}, which counts as {level}: set it to 0 (no log of everything), 1 (log and shown) or 2 (only log)",
            diag::shown(value.trim_ascii_end())
        ));
    }
    level
}

/// Whether a directive says when to rotate, or how much to keep.
fn rotates(word: &[u8]) -> bool {
    matches!(word, [b'n' | b'R', digits @ ..] if number::decimal::<u32>(digits).is_some())
        || matches!(word, [b's' | b'S', digits @ ..] if number::decimal::<u64>(digits).is_some())
}

/// Where the tools are that the logger's script runs without an environment.
const TOOLS: &str = "/package/admin/s6-overlay/command";

/// The value of TZ for a logger with this script: only a script that was set and that asks for local time stamps gets it.
pub fn time_zone(settings: &Settings<'_>, logging_script: &[Vec<u8>]) -> Option<Vec<u8>> {
    let is_asked =
        settings.given(S6_LOGGING_SCRIPT).is_some() && logging_script.iter().any(|word| word == b"T");
    settings.text(TZ).filter(|_| is_asked)
}

/// The run script of the logger.
fn script(shows: bool, user: Option<&str>, logging_script: &[Vec<u8>], zone: Option<&[u8]>) -> String {
    let mut text = String::from("#!/package/admin/s6-overlay/command/execlineb -P\n");
    let is_set = |word: &[u8]| logging_script.iter().any(|w| w == word);
    let mut line = |words: &str| {
        let _ = writeln!(text, "{words}");
    };
    line("fdmove -c 1 2");
    line("redirfd -rnb 0 fifo");
    if let Some(user) = user {
        line(&format!("s6-setuidgid {user}"));
    }
    line("exec -c");
    let mut logger = "s6-log".to_owned();
    if let Some(zone) = zone.and_then(|zone| String::from_utf8(quote(zone)).ok()) {
        line(&format!("{TOOLS}/export TZ {zone}"));
        logger = format!("{TOOLS}/s6-log");
    }
    let show = if shows { "1 " } else { "" };
    let short = if is_set(b"t") { "t " } else { "" };
    let iso = if is_set(b"T") || logging_script.is_empty() { "T " } else { "" };
    let rotation: Vec<u8> =
        logging_script.iter().filter(|w| rotates(w)).flat_map(|w| [w, &b" "[..]].concat()).collect();
    let rotation = String::from_utf8_lossy(&rotation);
    line(&format!("{logger} -bp -d 3 -- {show}{rotation}{short}{iso}{UNCAUGHT_LOGS}"));
    text
}

/// The user of the logger, by a name that is one word of a script; `None` for the container's own.
fn user(settings: &Settings<'_>, uid: u32, warn: impl Fn(&str)) -> Result<Option<(String, User)>, Fatal> {
    let Some(name) = settings.user(S6_CATCHALL_USER) else { return Ok(None) };
    if uid != S6_CATCHALL_USER.kind.0 {
        warn(&format!(
            "{S6_CATCHALL_USER} has no effect: the container isn't root's, so its log belongs to its own user"
        ));
        return Ok(None);
    }
    let user = sys::account::user(&name).or_unable(|| "read /etc/passwd")?.ok_or_else(|| {
        Fatal::user(format_args!(
            "{S6_CATCHALL_USER} is {}, but /etc/passwd has no such user: add it to the image, or name another one",
            diag::show(&name)
        ))
    })?;
    // The name comes from /etc/passwd; unless it is a plain word, it is more than one word in the script.
    let word = String::from_utf8_lossy(&name).into_owned();
    if !word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
        return Err(Fatal::user(format_args!("{S6_CATCHALL_USER} isn't a plain user name")));
    }
    Ok(Some((word, user)))
}

/// Makes the folder of the logs, which may be a volume, for the user.
fn make_logs_folder(user: Option<&(String, User)>) -> Result<(), Errno> {
    match sys::fs::mkdir(UNCAUGHT_LOGS, Mode::from(0o750)) {
        Ok(()) | Err(Errno::EXIST) => {}
        failed => return failed,
    }
    if let Some((_, user)) = user {
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        sys::fs::chownat(CWD, UNCAUGHT_LOGS, Some(uid), Some(gid), AtFlags::empty())?;
    }
    sys::fs::chmod(UNCAUGHT_LOGS, Mode::from(0o2750))
}

/// Makes the service if S6_LOGGING asks for it, and redirects this process's output to it; returns the former standard
/// error.  `uid` is the container's user; `warn` receives what is wrong with the variables.
///
/// # Errors
/// 100 for an unknown S6_CATCHALL_USER; 111 if something can't be made.
pub(crate) fn set_up(
    settings: &Settings<'_>,
    uid: u32,
    warn: impl Fn(&str),
) -> Result<Option<OwnedFd>, Fatal> {
    let logging = level(settings, &warn);
    if logging == 0 {
        return Ok(None);
    }
    let user = user(settings, uid, &warn)?;
    make_logs_folder(user.as_ref()).or_unable(|| format!("make {UNCAUGHT_LOGS}"))?;
    let logging_script = split_words(&settings.given(S6_LOGGING_SCRIPT).unwrap_or_default());
    let zone = time_zone(settings, &logging_script);
    let user_word = user.as_ref().map(|(word, _)| word.as_str());
    let run = script(logging == SHOWN, user_word, &logging_script, zone.as_deref());
    let dir = format!("{SCANDIR}/{CATCH_ALL}");
    let path = |file: &str| format!("{dir}/{file}");
    sys::fs::mkdir(dir.as_str(), Mode::from(0o755))
        .and_then(|()| sys::fs::mknodat(CWD, FIFO, FileType::Fifo, Mode::from(0o600), 0))
        .and_then(|()| create(&path("notification-fd"), "3\n", 0o644))
        .and_then(|()| create(&path("run"), &run, 0o755))
        .or_unable(|| format!("make {dir}"))?;
    redirect().or_unable(|| "send the output to the catch-all logger").map(Some)
}

/// Makes the FIFO this process's standard output and error, before it has a reader.
fn redirect() -> Result<OwnedFd, Errno> {
    let console = sys::fd::duplicate(2, 3)?;
    let open = |flags: OFlags| sys::fs::openat(CWD, FIFO, flags | OFlags::CLOEXEC, Mode::empty());
    let _reader = open(OFlags::RDONLY | OFlags::NONBLOCK)?;
    sys::fd::place(open(OFlags::WRONLY)?, 1)?;
    sys::fd::copy(1, 2)?;
    Ok(console)
}

/// In the boot child: the same for its own output, once the logger reads; until then it waits.
pub(crate) fn join_log() {
    let opened = sys::fs::openat(CWD, FIFO, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
    let _ = opened.and_then(|fd| sys::fd::place(fd, 1)).and_then(|()| sys::fd::copy(1, 2));
}

/// Whether the catch-all logger shows what it logs.
pub(crate) fn shows(settings: &Settings<'_>) -> bool {
    level(settings, |_| ()) == SHOWN
}

/// The process of the catch-all logger, if it runs.
pub(crate) fn logger() -> Option<Pid> {
    let status = read_status(&join(SCANDIR.as_bytes(), CATCH_ALL.as_bytes())).ok()?;
    let pid = Pid::from_raw(i32::try_from(status.pid).ok()?)?;
    // Where its supervisor was killed, the file may be old.
    let name = std::fs::read(format!("/proc/{}/comm", pid.as_raw_nonzero())).ok()?;
    (name == LOGGER && rustix::process::getsid(Some(pid)) == Ok(pid)).then_some(pid)
}

/// How many bytes wait for the catch-all logger.
pub(crate) fn unread() -> u64 {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fifo = sys::fs::openat(CWD, FIFO, flags, Mode::empty());
    fifo.and_then(rustix::io::ioctl_fionread).unwrap_or(0)
}

/// Whether there is a catch-all logger.
#[must_use]
pub(crate) fn exists() -> bool {
    sys::fs::lstat(join(SCANDIR.as_bytes(), CATCH_ALL.as_bytes())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_and_rotation_follow_the_logging_script() {
        let words = |text: &str| split_words(text.as_bytes());
        let last = |shows, text: &str| {
            let script = script(shows, None, &words(text), None);
            script.trim_end().rsplit(" -- ").next().unwrap().to_owned()
        };
        assert_eq!(last(false, ""), "T /run/uncaught-logs");
        assert_eq!(last(true, "n20 t T"), "1 n20 t T /run/uncaught-logs");
        assert_eq!(last(true, "1 +x n20 s10000 -y S7 !gzip /x nine"), "1 n20 s10000 S7 /run/uncaught-logs");
    }

    #[test]
    fn a_script_that_was_set_gets_the_zone_of_its_local_time() {
        let zone = |set: &[&str]| {
            let env = tool::Env::from_vars(set.iter().map(|v| v.as_bytes().to_vec()).collect());
            let settings = Settings::of_container(&env);
            time_zone(&settings, &settings.directives(S6_LOGGING_SCRIPT))
        };
        let berlin = "TZ=Europe/Berlin";
        assert_eq!(zone(&[berlin, "S6_LOGGING_SCRIPT=n20 T"]).as_deref(), Some(&b"Europe/Berlin"[..]));
        for set in [&[berlin][..], &[berlin, "S6_LOGGING_SCRIPT=n20 t"], &["S6_LOGGING_SCRIPT=T"]] {
            assert_eq!(zone(set), None, "{set:?}");
        }
        let script = script(true, None, &split_words(b"T"), Some(b"<a\">-2"));
        let lines: Vec<&str> = script.lines().skip(3).collect();
        let dir = "/package/admin/s6-overlay/command";
        assert_eq!(
            lines,
            [
                "exec -c",
                &format!("{dir}/export TZ \"<a\\\">-2\""),
                &format!("{dir}/s6-log -bp -d 3 -- 1 T /run/uncaught-logs")
            ]
        );
    }

    #[test]
    fn a_value_that_is_not_a_level_is_reported() {
        for (value, expected, warnings) in
            [("", 0, 0), ("0", 0, 0), ("1", 1, 0), ("2\n", 2, 0), ("3", 2, 1), ("-1", 0, 1), ("yes", 0, 1)]
        {
            let env = tool::Env::from_vars(vec![format!("S6_LOGGING={value}").into_bytes()]);
            let warned = std::cell::Cell::new(0);
            let warn = |text: &str| {
                assert!(text.contains("S6_LOGGING") && text.contains(value.trim_end()), "{text}");
                warned.set(warned.get() + 1);
            };
            assert_eq!(
                (level(&Settings::of_container(&env), warn), warned.get()),
                (expected, warnings),
                "{value}"
            );
        }
    }

    #[test]
    fn without_a_name_or_outside_of_root_the_logger_keeps_the_containers_user() {
        let root = S6_CATCHALL_USER.kind.0;
        for (set, uid, warnings) in
            [("", root, 0), ("", 1000, 0), ("root", 1000, 1), ("no-such-user", 1000, 1)]
        {
            let env = tool::Env::from_vars(vec![format!("S6_CATCHALL_USER={set}").into_bytes()]);
            let warned = std::cell::Cell::new(0);
            let user = user(&Settings::of_container(&env), uid, |_| warned.set(warned.get() + 1));
            assert_eq!((user.unwrap(), warned.get()), (None, warnings), "{set:?} {uid}");
        }
        assert!(!script(false, None, &[], None).contains("s6-setuidgid"));
    }

    #[test]
    fn a_name_is_looked_up() {
        let found = |name: &str| {
            let env = tool::Env::from_vars(vec![format!("S6_CATCHALL_USER={name}").into_bytes()]);
            user(&Settings::of_container(&env), 0, |_| ())
                .map(|user| user.map(|(word, user)| (word, user.uid)))
        };
        assert_eq!(found("root").unwrap(), Some(("root".to_owned(), 0)));
        let why = found("no-such-user").unwrap_err();
        assert_eq!(why.code(), 100);
        assert!(
            why.message().starts_with("S6_CATCHALL_USER is no-such-user, but /etc/passwd has"),
            "{}",
            why.message()
        );
    }

    #[test]
    fn the_user_is_one_word() {
        assert!(script(false, Some("nobody"), &[], None).contains("s6-setuidgid nobody\n"));
    }
}
