//! The container environment: the variables that the container was started with, one file each.
//!
//! The name of a file is the name of the variable, and its content is the value; a newline at its end is not part of it, as
//! for `s6-envdir -f`, and an empty file is no variable.  So a value that is empty or ends in a newline is stored with a
//! newline after it, and any other one byte for byte.  Scripts of images write and remove these files, so they are read
//! whenever a value is needed.  Files whose name starts with a dot or contains a `=` are not variables.  What isn't a file,
//! such as a FIFO or a directory, is an error that names it; where single variables are looked up, it is reported once, and the
//! variable counts as not set.
//!
//! With S6_KEEP_ENV nothing is stored, and the environment of each process counts as the container's.

use crate::environment::variables::S6_KEEP_ENV;
use crate::layout::CONTAINER_ENVIRONMENT;
use files::Permissions;
use rustix::fs::{CWD, FileType, Mode};
use rustix::io::Errno;
use std::borrow::Cow;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use tool::{Env, Fatal, diag};

/// The limit of a value in bytes: Linux can't pass longer ones to a program (MAX_ARG_STRLEN).
const VALUE_MAX: usize = 128 * 1024;

/// Whether this process has reported a variable that can't be read.
static IS_REPORTED: AtomicBool = AtomicBool::new(false);

/// A variable that was not stored, and why.
#[derive(Debug)]
pub(crate) struct Skipped {
    /// Its name.
    pub(crate) name: Vec<u8>,
    /// The error.
    pub(crate) reason: Errno,
}

/// Whether a variable of this name has a file.
fn is_storable(name: &[u8]) -> bool {
    !name.is_empty() && !name.starts_with(b".") && name.len() <= 255 && !name.contains(&b'/')
}

/// Writes each variable into the directory, which it makes with mode 0755.
///
/// # Errors
/// The directory can't be made or opened.  Variables that can't be stored are returned.
pub(crate) fn store(env: &Env) -> Result<Vec<Skipped>, Errno> {
    match sys::fs::mkdir(CONTAINER_ENVIRONMENT, Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e),
    }
    let dir = open_dir()?;
    let mut skipped = Vec::new();
    for (name, value) in env.iter() {
        let stored = match is_storable(name) {
            true => files::write_file(&dir, name, &as_file(value), Permissions::LessUmask(0o644)),
            false => Err(Errno::INVAL),
        };
        if let Err(reason) = stored {
            skipped.push(Skipped { name: name.to_vec(), reason });
        }
    }
    Ok(skipped)
}

/// Writes each variable that has a file into a folder, with a newline after its value: the form of the reference's
/// `env` folder.
///
/// # Errors
/// A file can't be written.
pub(crate) fn dump(env: &Env, folder: &str) -> Result<(), Errno> {
    let dir = files::open_dir(CWD, folder.as_bytes())?;
    let storable = env.iter().filter(|(name, _)| is_storable(name));
    for (name, value) in storable {
        files::write_file(&dir, name, &[value, b"\n"].concat(), Permissions::LessUmask(0o644))?;
    }
    Ok(())
}

fn open_dir() -> Result<OwnedFd, Errno> {
    files::open_dir(CWD, CONTAINER_ENVIRONMENT.as_bytes())
}

/// The content of a file; `None` if it is too long.
///
/// # Errors
/// It can't be read, or isn't a file.
fn as_content(read: Result<Vec<u8>, Errno>, name: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
    let why = match read {
        Ok(content) => return Ok(Some(content).filter(|v| v.len() <= VALUE_MAX)),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::ISDIR) => "it is a directory, not a file".to_owned(),
        Err(Errno::SPIPE) => "it is a FIFO or a device, not a file".to_owned(),
        Err(Errno::NXIO) => "it is a socket or a device, not a file".to_owned(),
        Err(e) => sys::strerror(e).to_string(),
    };
    let name = diag::show(name);
    Err(Fatal::new(111, format_args!("unable to read {CONTAINER_ENVIRONMENT}/{name}: {why}")))
}

/// The content of the file of a value.
fn as_file(value: &[u8]) -> Cow<'_, [u8]> {
    match value.last() {
        None | Some(b'\n') => Cow::Owned([value, b"\n"].concat()),
        Some(_) => Cow::Borrowed(value),
    }
}

/// The value of a file with this content: without a newline at its end, and up to the first NUL byte, which a variable
/// can't hold.
fn as_value(mut value: Vec<u8>) -> Vec<u8> {
    if value.last() == Some(&b'\n') {
        value.pop();
    }
    if let Some(nul) = value.iter().position(|b| *b == 0) {
        value.truncate(nul);
    }
    value
}

/// Sets every variable of the directory in `env`.
///
/// # Errors
/// The directory or a file in it can't be read: 111.
pub fn load(env: &mut Env) -> Result<(), Fatal> {
    let unreadable = |e| Fatal::unable(format_args!("read {CONTAINER_ENVIRONMENT}"), e);
    let dir = open_dir().map_err(unreadable)?;
    let mut names = Vec::new();
    files::for_each_entry(&dir, &mut |name, file_type| {
        let name = name.to_bytes();
        if is_storable(name) && !name.contains(&b'=') {
            names.push((name.to_vec(), file_type));
        }
        Ok(())
    })
    .map_err(unreadable)?;
    names.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    for (name, file_type) in names {
        let read = match file_type {
            FileType::RegularFile => files::read_regular_file(&dir, &name, VALUE_MAX + 1),
            _ => files::read_no_fifo(&dir, &name, VALUE_MAX + 1),
        };
        match as_content(read, &name)? {
            // A script that empties a file means that there is no such variable.
            Some(content) if content.is_empty() => {}
            Some(content) => env.set(&name, &as_value(content)),
            None => {}
        }
    }
    Ok(())
}

/// Whether the environment of each process counts as the container's: S6_KEEP_ENV is a number other than 0.
#[must_use]
pub fn is_kept(env: &Env) -> bool {
    env.get(S6_KEEP_ENV.bytes()).is_some_and(is_nonzero)
}

/// Whether a value is a number other than 0, which turns a switch on.
#[must_use]
pub(crate) fn is_nonzero(value: &[u8]) -> bool {
    let digits = value.trim_ascii();
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && digits.iter().any(|b| *b != b'0')
}

/// The value of a variable of the container's environment; `env` is the environment of this process.
#[must_use]
pub fn lookup(env: &Env, name: &[u8]) -> Option<Vec<u8>> {
    if is_kept(env) {
        return env.get(name).map(<[u8]>::to_vec);
    }
    if !is_storable(name) {
        return None;
    }
    let path = [CONTAINER_ENVIRONMENT.as_bytes(), b"/", name].concat();
    as_content(files::read_no_fifo(CWD, &path, VALUE_MAX + 1), name)
        .unwrap_or_else(|fatal| {
            if !IS_REPORTED.swap(true, Ordering::Relaxed) {
                diag::warn("s6-overlay", format_args!("{}: it counts as not set", fatal.message()));
            }
            None
        })
        .map(as_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_the_directory_are_refused() {
        for bad in [&b""[..], b".", b"..", b".hidden", b"a/b", &[b'x'; 256]] {
            assert!(!is_storable(bad), "{bad:?}");
        }
        for good in [&b"PATH"[..], b"a.b-c", b"\xff", b"with blank"] {
            assert!(is_storable(good), "{good:?}");
        }
    }

    #[test]
    fn a_switch_is_on_with_any_number_except_0() {
        for on in [&b"1"[..], b"2", b"010"] {
            assert!(is_nonzero(on), "{on:?}");
        }
        for off in [&b""[..], b"0", b"00", b"yes", b"-1"] {
            assert!(!is_nonzero(off), "{off:?}");
        }
    }

    #[test]
    fn a_value_ends_before_a_nul() {
        assert_eq!(as_value(b"a\0b".to_vec()), b"a");
        assert_eq!(as_value(b"a\nb\0".to_vec()), b"a\nb");
    }

    #[test]
    fn every_value_survives_its_file() {
        for (value, file) in
            [("", "\n"), ("a", "a"), ("a\n", "a\n\n"), ("\n", "\n\n"), ("\na", "\na"), (" ", " ")]
        {
            assert_eq!(as_file(value.as_bytes()).as_ref(), file.as_bytes(), "{value:?}");
            assert_eq!(as_value(file.into()), value.as_bytes(), "{value:?}");
        }
        // `echo a >file`
        assert_eq!(as_value(b"a\n".to_vec()), b"a");
    }
}
