//! Text files that stand for a tool: what is a script in the reference is one here, so that a write to it hits that file only.
//!
//! The first line of such a file is `#!` [`INTERPRETER`] ` NAME`.  The interpreter is a link to this binary, so no shell is
//! needed.  The kernel calls it with the tool's name, the file, and the file's own arguments.

use crate::binary::{identity, own_identity};
use rustix::fs::{CWD, Mode, OFlags};
use std::sync::OnceLock;

/// The interpreter of these files.
pub const INTERPRETER: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/s6-overlay-script";

/// What kernels read of a file to find its interpreter, at most: `BINPRM_BUF_SIZE`, which was 128 before Linux 5.1.
const LINE_MAX: usize = 128;

/// The tool's name in the first line of such a file; `None` for another text.
#[must_use]
pub fn tool_name(text: &[u8]) -> Option<&[u8]> {
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let name = line.strip_prefix(b"#!")?.strip_prefix(INTERPRETER.as_bytes())?.strip_prefix(b" ")?;
    (!name.is_empty()).then_some(name)
}

/// Takes the tool's name from the arguments that the kernel gives to the interpreter, and leaves those of the tool: the
/// file takes the place of `argv[0]`.  `None` for the arguments of another call, which stay.
pub fn take_call(argv: &mut Vec<Vec<u8>>) -> Option<Vec<u8>> {
    if argv.len() < 3 || argv.first()? != INTERPRETER.as_bytes() {
        return None;
    }
    let name = argv.remove(1);
    argv.remove(0);
    Some(name)
}

/// The name of the tool that executing `file` would run in this binary; it is a regular file that may be executed.
pub(crate) fn tool_of(file: &[u8]) -> Option<Vec<u8>> {
    let mut start = [0; LINE_MAX];
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = sys::fs::openat(CWD, file, flags, Mode::empty()).ok()?;
    let count = rustix::io::read(fd, &mut start).ok()?;
    let name = tool_name(start.get(..count)?)?;
    is_own().then(|| name.to_vec())
}

/// Whether the interpreter is this binary.
fn is_own() -> bool {
    static OWN: OnceLock<bool> = OnceLock::new();
    *OWN.get_or_init(|| {
        own_identity().is_some() && identity(INTERPRETER.as_bytes()).ok().flatten() == own_identity()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_tool() {
        let name = |text: &str| tool_name(text.as_bytes()).map(|n| String::from_utf8_lossy(n).into_owned());
        assert_eq!(name(&format!("#!{INTERPRETER} if\nexit 1\n")), Some("if".to_owned()));
        assert_eq!(name(&format!("#!{INTERPRETER} if")), Some("if".to_owned()));
        for other in
            ["#!/bin/sh\n", "", "#!", &format!("#!{INTERPRETER}\n"), &format!("#!{INTERPRETER}x if\n")]
        {
            assert_eq!(name(other), None, "{other}");
        }
        assert!(INTERPRETER.len() + "#! logutil-service-main\n".len() < LINE_MAX, "old kernels cut the line");
    }

    #[test]
    fn the_file_takes_the_place_of_the_name() {
        let words = |words: &[&str]| words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
        let taken = |call: &[&str]| {
            let mut argv = words(call);
            (take_call(&mut argv), argv)
        };
        let call = [INTERPRETER, "if", "/command/if", "a", "b"];
        assert_eq!(taken(&call), (Some(b"if".to_vec()), words(&["/command/if", "a", "b"])));
        for other in [&[][..], &["if", "a", "b", "c"], &[INTERPRETER], &[INTERPRETER, "if"]] {
            assert_eq!(taken(other), (None, words(other)));
        }
    }
}
