//! The container's exit code: a decimal number in a file that scripts write.

use crate::layout::{EXITCODE, RESULTS};
use files::{Permissions, Replace, Writers, overwrite_at, read_file, replace_at};
use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use wire::number;

/// The content of the file at the start.
const NOTHING: &[u8] = b"0\n";

/// The exit code in a text: the lowest eight bits of its number, or 0 for an empty text; `None` if it isn't a number.
#[must_use]
pub(crate) fn parse(text: &[u8]) -> Option<u8> {
    let word = text.trim_ascii();
    if word.is_empty() {
        return Some(0);
    }
    u8::try_from(number::decimal::<u32>(word)? & 0xff).ok()
}

/// Replaces the content atomically: a reader gets the old code or the new one.
///
/// Where there is no room for another file, the one that is there is overwritten.  It has at least the length of the old
/// text as long as that takes, filled up with line ends, so that a reader gets a number at any moment.
fn replace(text: &[u8]) -> Result<(), Errno> {
    let how = Replace::with(Permissions::LessUmask(0o644), Writers::Many);
    let Err(why) = replace_at(CWD, EXITCODE.as_bytes(), text, how) else { return Ok(()) };
    let mut filled = text.to_vec();
    filled.resize(read().len().max(text.len()), b'\n');
    let overwrite = |bytes: &[u8]| overwrite_at(CWD, EXITCODE.as_bytes(), bytes);
    overwrite(&filled).and_then(|()| overwrite(text)).map_err(|_| why)
}

/// Makes the folder and the file, with code 0.
///
/// # Errors
/// One of them can't be made.
pub(crate) fn reset() -> Result<(), Errno> {
    match sys::fs::mkdir(RESULTS, Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => replace(NOTHING),
        Err(e) => Err(e),
    }
}

/// Writes an exit code.
///
/// # Errors
/// The file can't be written.
pub(crate) fn write(code: u8) -> Result<(), Errno> {
    replace(format!("{code}\n").as_bytes())
}

/// How often the file is read if that fails for another reason than that there is none.
const ATTEMPTS: usize = 8;

/// Reads the first bytes of the file; nothing if there is none.
#[must_use]
pub(crate) fn read() -> Vec<u8> {
    for _ in 0..ATTEMPTS {
        match read_file(CWD, EXITCODE.as_bytes(), 64) {
            Ok(bytes) => return bytes,
            Err(Errno::NOENT) => break,
            // What is short may pass, and there is no other copy of the code.
            Err(_) => {}
        }
    }
    Vec::new()
}

/// Whether no exit code has been written.
#[must_use]
pub(crate) fn is_untouched() -> bool {
    read() == NOTHING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_lowest_eight_bits_of_a_number() {
        for (text, code) in [
            ("0\n", 0),
            ("17", 17),
            ("", 0),
            ("\n", 0),
            (" 42 \n", 42),
            ("255", 255),
            ("256", 0),
            ("300\n", 44),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(code), "{text:?}");
        }
        for bad in ["x", "1 2", "-1", "99999999999"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
