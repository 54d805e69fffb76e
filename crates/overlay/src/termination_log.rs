//! The termination log: a file that the engine gives a container, and shows when it has ended (Kubernetes,
//! `terminationMessagePath`; `kubectl describe pod`).
//!
//! It is written where the program itself decides that the container ends badly, and never because a CMD has exited.  Only
//! a regular file that is there, can be written and is empty gets a text, so that what an image writes itself stays, and the
//! first reason counts.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_TERMINATION_LOG;
use crate::layout::VERSION;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use tool::Fatal;

/// At most so many bytes are shown, and written.
const SIZE_MAX: usize = 4096;

/// The value of the variable by which nothing is written.
const OFF: &[u8] = b"0";

/// The file, unless none is wanted.
fn path(settings: &Settings<'_>) -> Option<Vec<u8>> {
    settings.text(S6_TERMINATION_LOG).filter(|path| path.as_slice() != OFF && path.starts_with(b"/"))
}

/// Writes why the container ends, unless that isn't wanted or was written before.
pub(crate) fn write(settings: &Settings<'_>, reason: &str) {
    if let Some(path) = path(settings).filter(|_| !reason.is_empty()) {
        // There is nobody to tell that it can't be written: the reason is in the log, too.
        let _ = write_at(&path, &text(reason));
    }
}

/// Writes why the container can't start, and gives the reason back.
pub(crate) fn noted(settings: &Settings<'_>, fatal: Fatal) -> Fatal {
    write(settings, fatal.message());
    fatal
}

/// Adds what else helps to a reason that was written: `lines` gives at most so many bytes.
pub(crate) fn add(settings: &Settings<'_>, lines: impl FnOnce(usize) -> Result<String, Errno>) {
    if let Some(path) = path(settings) {
        let _ = add_at(&path, lines);
    }
}

/// What stands behind each reason.
fn end() -> String {
    format!(". s6-overlay {VERSION}\n")
}

/// The reason, cut if it is too long, with the version.
fn text(reason: &str) -> String {
    let end = end();
    let cut = reason.floor_char_boundary(SIZE_MAX.saturating_sub(end.len()));
    reason.get(..cut).unwrap_or(reason).to_owned() + &end
}

/// Opens the file if it is a regular one, with its size.
fn open(path: &[u8]) -> rustix::io::Result<(OwnedFd, usize)> {
    let size = |st: &rustix::fs::Stat| match FileType::from_raw_mode(st.st_mode) {
        FileType::RegularFile => usize::try_from(st.st_size).map_err(|_| Errno::FBIG),
        _ => Err(Errno::INVAL),
    };
    // Opening a device or a FIFO may have effects.
    size(&sys::fs::statat(CWD, path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?)?;
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = sys::fs::openat(CWD, path, flags, Mode::empty())?;
    let size = size(&sys::fs::fstat(&file)?)?;
    Ok((file, size))
}

fn write_at(path: &[u8], text: &str) -> rustix::io::Result<()> {
    match open(path)? {
        (file, 0) => files::write_all(&file, text.as_bytes()),
        _ => Ok(()),
    }
}

fn add_at(path: &[u8], lines: impl FnOnce(usize) -> rustix::io::Result<String>) -> rustix::io::Result<()> {
    let (file, size) = open(path)?;
    let room = SIZE_MAX.saturating_sub(size.saturating_add(1));
    // Only a reason from here is added to; where it ends is the place to write.
    if room > 0 && files::read_at_most(&file, SIZE_MAX)?.ends_with(end().as_bytes()) {
        let lines = lines(room)?;
        if !lines.is_empty() {
            files::write_all(&file, format!("\n{lines}").as_bytes())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use tool::Env;

    fn write_with(value: &[u8], reason: &str) {
        let variables = vec![b"S6_KEEP_ENV=1".to_vec(), [b"S6_TERMINATION_LOG=", value].concat()];
        write(&Settings::of_container(&Env::from_vars(variables)), reason);
    }

    #[test]
    fn an_empty_regular_file_gets_the_first_reason() {
        let tmp = tempfile::tempdir().unwrap();
        let path = |name: &str| tmp.path().join(name);
        let bytes = |name: &str| path(name).as_os_str().as_bytes().to_vec();
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
        std::fs::write(path("log"), "").unwrap();
        write_with(b"0", "off");
        write_with(&bytes("log"), "");
        assert_eq!(read("log"), "");
        write_with(&bytes("log"), "php-fpm has failed");
        write_with(&bytes("log"), "and something else");
        assert_eq!(read("log"), "php-fpm has failed. s6-overlay 3.2.3.2\n");
        std::os::unix::fs::symlink(path("target"), path("link")).unwrap();
        std::fs::write(path("target"), "").unwrap();
        for name in ["link", "missing", "."] {
            write_with(&bytes(name), "reason");
        }
        assert_eq!((read("target").as_str(), path("missing").exists()), ("", false));
        rustix::fs::mkfifoat(CWD, path("fifo"), Mode::RWXU).unwrap();
        write_with(&bytes("fifo"), "reason");
        std::fs::write(path("own"), "its own").unwrap();
        write_with(&bytes("own"), "reason");
        assert_eq!(read("own"), "its own");
    }

    #[test]
    fn lines_are_added_to_a_reason_from_here_once() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("log");
        let value = path.as_os_str().as_bytes();
        let add =
            |lines: String| add_at(value, |room| Ok(lines[lines.len().saturating_sub(room)..].to_owned()));
        let read = || std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        add("lines".to_owned()).unwrap();
        assert_eq!(read(), "", "there is no reason");
        write_with(value, "php-fpm has failed");
        add(String::new()).unwrap();
        let reason = "php-fpm has failed. s6-overlay 3.2.3.2\n";
        assert_eq!(read(), reason);
        add("x".repeat(5000)).unwrap();
        assert_eq!(read(), format!("{reason}\n{}", "x".repeat(4096 - reason.len() - 1)));
        std::fs::write(&path, "").unwrap();
        write_with(value, "php-fpm has failed");
        for _ in 0..2 {
            add("first\nsecond\n".to_owned()).unwrap();
            assert_eq!(read(), format!("{reason}\nfirst\nsecond\n"));
        }
        std::fs::write(&path, "its own\n").unwrap();
        add("lines".to_owned()).unwrap();
        assert_eq!(read(), "its own\n");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let text = text(&"é".repeat(3000));
        assert_eq!((text.len(), text.chars().last()), (4095, Some('\n')));
        assert!(text.ends_with("é. s6-overlay 3.2.3.2\n"));
    }
}
