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
use tool::Fatal;

/// At most so many bytes are shown, and written.
const SIZE_MAX: usize = 4096;

/// The value of the variable by which nothing is written.
const OFF: &[u8] = b"0";

/// Writes why the container ends, unless that isn't wanted or was written before.
pub(crate) fn write(settings: &Settings<'_>, reason: &str) {
    let Some(path) = settings.text(S6_TERMINATION_LOG) else { return };
    if path != OFF && path.starts_with(b"/") && !reason.is_empty() {
        // There is nobody to tell that it can't be written: the reason is in the log, too.
        let _ = write_at(&path, &text(reason));
    }
}

/// Writes why the container can't start, and gives the reason back.
pub(crate) fn noted(settings: &Settings<'_>, fatal: Fatal) -> Fatal {
    write(settings, fatal.message());
    fatal
}

/// The reason, cut if it is too long, with the version.
fn text(reason: &str) -> String {
    let end = format!(". s6-overlay {VERSION}\n");
    let cut = reason.floor_char_boundary(SIZE_MAX.saturating_sub(end.len()));
    reason.get(..cut).unwrap_or(reason).to_owned() + &end
}

fn write_at(path: &[u8], text: &str) -> rustix::io::Result<()> {
    let is_empty = |st: &rustix::fs::Stat| FileType::from_raw_mode(st.st_mode).is_file() && st.st_size == 0;
    // Opening a device or a FIFO may have effects.
    if !is_empty(&sys::fs::statat(CWD, path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?) {
        return Ok(());
    }
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = sys::fs::openat(CWD, path, flags, Mode::empty())?;
    if is_empty(&sys::fs::fstat(&file)?) {
        files::write_all(&file, text.as_bytes())?;
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
    fn a_long_reason_is_cut_between_characters() {
        let text = text(&"é".repeat(3000));
        assert_eq!((text.len(), text.chars().last()), (4095, Some('\n')));
        assert!(text.ends_with("é. s6-overlay 3.2.3.2\n"));
    }
}
