//! Scripts on a file system that is mounted noexec: the supervisor starts their interpreter itself, as the kernel would.
//!
//! Containers often get their /run that way, and it is where service directories are.

use files::read_at_most;
use rustix::fs::{Mode, OFlags, StatVfsMountFlags};
use std::os::fd::BorrowedFd;

/// At most this much of a script's first line is read, as by the kernel.
const FIRST_LINE: usize = 256;

/// The interpreter, and its one argument if the line has more.
fn interpreter(bytes: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let line = bytes.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?.trim_ascii();
    let end = line.iter().position(|b| b" \t".contains(b)).unwrap_or(line.len());
    let (file, rest) = line.split_at_checked(end)?;
    let rest = rest.trim_ascii();
    let argument = (!rest.is_empty()).then(|| rest.to_vec());
    (!file.is_empty()).then(|| (file.to_vec(), argument))
}

/// The command line that runs the executable script `./NAME` in `dir` without executing the file; `None` if the file
/// system allows to execute it, or it isn't an executable script.
#[must_use]
pub fn around(dir: BorrowedFd<'_>, name: &str, arguments: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
    let mount = rustix::fs::fstatvfs(dir).ok()?;
    if !mount.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = sys::fs::openat(dir, name, flags, Mode::empty()).ok()?;
    if sys::fs::fstat(&file).ok()?.st_mode & 0o111 == 0 {
        return None;
    }
    let (program, argument) = interpreter(&read_at_most(file, FIRST_LINE).ok()?)?;
    let mut words = vec![program];
    words.extend(argument);
    words.push(format!("./{name}").into_bytes());
    words.extend(arguments.iter().map(|a| a.to_vec()));
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_as_the_kernel_reads_them() {
        let parsed = |text: &str| {
            let shown = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            interpreter(text.as_bytes()).map(|(f, a)| (shown(f), a.map(shown)))
        };
        let expected =
            |file: &str, argument: Option<&str>| Some((file.to_owned(), argument.map(str::to_owned)));
        assert_eq!(parsed("#!/bin/sh\nx"), expected("/bin/sh", None));
        assert_eq!(parsed("#! /bin/sh -e -u \n"), expected("/bin/sh", Some("-e -u")));
        assert_eq!(parsed("#!/command/with-contenv sh"), expected("/command/with-contenv", Some("sh")));
        assert_eq!(parsed("#!\n"), None);
        assert_eq!(parsed("echo"), None);
    }
}
