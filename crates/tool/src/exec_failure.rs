//! Why a file could not be executed, and what to change.

use crate::diag::show;
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use sys::process::Ended;

/// The length of a script's first line that the kernel reads, in bytes.
const FIRST_LINE_MAX: usize = 256;

/// What to do about a file that is empty or holds nothing but null characters where it can't be meant so.
pub const DAMAGED: &str =
    "if it isn't so elsewhere, this image is damaged on this machine: remove it and pull it again";

/// Whether a file with this content has lost it, as after a full disk or a crash while an image was unpacked.
#[must_use]
pub fn is_damaged(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b == 0)
}

/// Our own program of that name, where an interpreter isn't there: version 2 had them in /usr/bin.
#[must_use]
pub fn own_interpreter(missing: &[u8]) -> Option<Vec<u8>> {
    let name = missing.rsplit(|b| *b == b'/').next().unwrap_or(missing);
    let ours = [b"/command/", name].concat();
    sys::fs::access(ours.as_slice(), Access::EXEC_OK).is_ok().then_some(ours)
}

/// How to make a file executable that isn't; `shown` is its name.
#[must_use]
pub fn how_to_allow(dir: BorrowedFd<'_>, name: &[u8], shown: &str) -> String {
    let target = sys::fs::readlinkat(dir, name, Vec::new());
    // A volume's files are links to the version that counts, and nobody can change their modes.
    if target.is_ok_and(|t| t.as_bytes().starts_with(b"..data/")) {
        return "defaultMode: 0755 in the definition of the ConfigMap's or Secret's volume".to_owned();
    }
    if shown.is_empty() { "chmod +x".to_owned() } else { format!("chmod +x {shown}") }
}

/// The interpreter and its arguments that a script's first line names.
fn interpreter_line(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    Some(line.trim_ascii_start())
}

/// What an exit code of a script tells by a shell's custom, in parentheses after a blank; empty for others.
#[must_use]
pub fn explain_code(code: u8) -> &'static str {
    match code {
        126 => " (a command in it can't be executed)",
        127 => " (a command in it was not found)",
        _ => "",
    }
}

/// What a signal that killed a script tells, in parentheses after a blank; empty for others than SIGKILL.
#[must_use]
pub fn explain_signal(signal: u8) -> &'static str {
    if i32::from(signal) == sys::signal::KILL { " (the kernel sends it if memory runs out)" } else { "" }
}

/// How a script ended, after its name in a message.
#[must_use]
pub fn explain_end(ended: Ended) -> String {
    match ended {
        Ended::Exited(code) => format!("exited {code}{}", explain_code(code)),
        Ended::Killed(signal) => format!("was killed by signal {signal}{}", explain_signal(signal)),
    }
}

/// Looks for what makes an exec of `name` in `dir` fail, where another process executes it and can't report that.
///
/// # Errors
/// As execve(2), for a file or interpreter that is missing or may not be executed; other failures aren't foreseen.
pub fn foresee(dir: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    sys::fs::accessat(dir, name, Access::EXEC_OK, AtFlags::empty())?;
    let mut bytes = [0; FIRST_LINE_MAX];
    // A program needn't be readable.
    match first_line(dir, name, &mut bytes).and_then(interpreter) {
        Some(file) => sys::fs::accessat(CWD, file, Access::EXEC_OK, AtFlags::empty()),
        None => Ok(()),
    }
}

/// The part of a file that the kernel reads to find out how to execute it.
fn first_line<'a>(dir: BorrowedFd<'_>, name: &[u8], bytes: &'a mut [u8; FIRST_LINE_MAX]) -> Option<&'a [u8]> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = sys::fs::openat(dir, name, flags, Mode::empty()).ok()?;
    let length = rustix::io::read(file, &mut *bytes).ok()?;
    bytes.get(..length)
}

/// The interpreter that a script's first line names.
fn interpreter(bytes: &[u8]) -> Option<&[u8]> {
    interpreter_line(bytes)?.split(|b| b" \t".contains(b)).next()
}

/// Explains the error that exec of `name` in `dir` gave.
#[must_use]
pub fn explain(dir: BorrowedFd<'_>, name: &[u8], e: Errno) -> String {
    let reason = sys::strerror(e);
    let Ok(st) = sys::fs::statat(dir, name, AtFlags::empty()) else { return reason.to_owned() };
    if !FileType::from_raw_mode(st.st_mode).is_file() {
        return format!("{reason}: it is not a regular file");
    }
    if st.st_mode & 0o111 == 0 {
        return format!("{reason}: the file is not executable ({})", how_to_allow(dir, name, ""));
    }
    let mut bytes = [0; FIRST_LINE_MAX];
    let Some(bytes) = first_line(dir, name, &mut bytes) else { return reason.to_owned() };
    match (interpreter_line(bytes), e) {
        (Some(line), _) if line.ends_with(b"\r") => {
            format!(
                "{reason}: the first line ends in a carriage return (CRLF); save the file with LF line ends"
            )
        }
        (Some(_), _) => {
            let file = interpreter(bytes).unwrap_or_default();
            match sys::fs::accessat(CWD, file, Access::EXEC_OK, AtFlags::empty()) {
                Err(Errno::NOENT) => {
                    let instead = own_interpreter(file)
                        .map_or_else(String::new, |ours| format!(" (begin it with #!{})", show(&ours)));
                    format!("{reason}: its interpreter {} does not exist{instead}", show(file))
                }
                Err(Errno::ACCESS) => format!("{reason}: its interpreter {} is not executable", show(file)),
                _ => reason.to_owned(),
            }
        }
        (None, Errno::NOEXEC) if bytes.is_empty() => format!("{reason}: the file is empty ({DAMAGED})"),
        (None, Errno::NOEXEC) if is_damaged(bytes) => {
            format!("{reason}: the file holds nothing but null characters ({DAMAGED})")
        }
        (None, Errno::NOEXEC) if bytes.starts_with(b"\x7fELF") => {
            format!("{reason}: the program is for another machine")
        }
        (None, Errno::NOEXEC) => {
            format!("{reason}: the first line names no interpreter (such as #!/command/execlineb -P)")
        }
        (None, Errno::NOENT) if bytes.starts_with(b"\x7fELF") => {
            format!("{reason}: the program's dynamic loader does not exist")
        }
        (None, _) => reason.to_owned(),
    }
}

/// Explains the error that exec of this word gave; one without a slash was looked up in PATH, where the file isn't known.
#[must_use]
pub fn explain_word(word: &[u8], e: Errno) -> String {
    if word.contains(&b'/') { explain(CWD, word, e) } else { sys::strerror(e).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_executed_is_foreseen() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        let foresee = || foresee(dir.as_fd(), b"run");
        assert_eq!(foresee(), Err(Errno::NOENT));
        let interpreter = tmp.path().join("shell");
        std::fs::write(&interpreter, "").unwrap();
        let by_it = format!("#!{} -x\n", interpreter.display());
        for (text, mode, expected) in [
            ("#!/bin/sh\n", 0o755, Ok(())),
            ("#!/bin/sh\n", 0o644, Err(Errno::ACCESS)),
            ("#! /no/such/shell -x\n", 0o755, Err(Errno::NOENT)),
            ("#!/bin/sh\r\n", 0o755, Err(Errno::NOENT)),
            (&by_it, 0o755, Err(Errno::ACCESS)),
            ("\x7fELF", 0o755, Ok(())),
            ("", 0o755, Ok(())),
        ] {
            let path = tmp.path().join("run");
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(foresee(), expected, "{text}");
        }
    }

    #[test]
    fn codes_and_signals_of_scripts() {
        let ends = [
            (Ended::Exited(0), "exited 0"),
            (Ended::Exited(126), "exited 126 (a command in it can't be executed)"),
            (Ended::Exited(127), "exited 127 (a command in it was not found)"),
            (Ended::Killed(9), "was killed by signal 9 (the kernel sends it if memory runs out)"),
            (Ended::Killed(15), "was killed by signal 15"),
        ];
        for (ended, text) in ends {
            assert_eq!(explain_end(ended), text);
        }
    }
    use std::os::fd::AsFd;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn says_what_to_change() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        let path = tmp.path().join("run");
        let reason = |text: &str, mode, e| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            explain(dir.as_fd(), b"run", e)
        };
        for (text, mode, e, word) in [
            ("#!/bin/sh\n", 0o644, Errno::ACCESS, "not executable"),
            ("#!/bin/sh\r\n", 0o755, Errno::NOENT, "carriage return"),
            ("#! /no/such/shell -x\n", 0o755, Errno::NOENT, "/no/such/shell does not exist"),
            ("echo hello\n", 0o755, Errno::NOEXEC, "names no interpreter"),
            ("", 0o755, Errno::NOEXEC, "the file is empty (if it isn't so elsewhere"),
            ("\0\0\0", 0o755, Errno::NOEXEC, "nothing but null characters"),
        ] {
            let said = reason(text, mode, e);
            assert!(said.contains(word), "{said}");
        }
        // As the files of a ConfigMap.
        std::fs::create_dir(tmp.path().join("..data")).unwrap();
        std::fs::rename(&path, tmp.path().join("..data/run")).unwrap();
        std::fs::set_permissions(tmp.path().join("..data/run"), PermissionsExt::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink("..data/run", &path).unwrap();
        let said = explain(dir.as_fd(), b"run", Errno::ACCESS);
        assert!(said.contains("(defaultMode: 0755 in the definition"), "{said}");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(explain(dir.as_fd(), b"run", Errno::NOENT), "No such file or directory");
    }
}
