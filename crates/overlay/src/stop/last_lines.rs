//! The last lines of a service that has failed for good, as far as a logger keeps them, for the termination log.

use crate::layout::SCANDIR;
use crate::log_dirs::{CURRENT, tail};
use rustix::fs::CWD;
use rustix::io::Errno;
use supervision::status::read_status;
use tool::path::{join, split};

/// How far a pipeline is followed.
const PIPELINE_MAX: usize = 8;

/// At most so much of a command line is read.
const COMMAND_LINE_MAX: usize = 1 << 16;

/// The longest name of a service, with its newline.
const NAME_MAX: usize = 256;

/// The directory in which the logger of a service keeps its lines, as long as that runs.
pub(crate) fn directory(service: &[u8]) -> Option<Vec<u8>> {
    let mut dir = join(SCANDIR.as_bytes(), service);
    for _ in 0..PIPELINE_MAX {
        // It names the service that reads.
        let Ok(name) = files::read_file(CWD, &join(&dir, b"pipe-out"), NAME_MAX) else { break };
        dir = join(SCANDIR.as_bytes(), name.trim_ascii_end());
    }
    let log = join(&dir, b"log");
    let pid = read_status(&log).or_else(|_| read_status(&dir)).ok()?.pid;
    let line = files::read_file(CWD, format!("/proc/{pid}/cmdline").as_bytes(), COMMAND_LINE_MAX).ok()?;
    of_command_line(&line).map(<[u8]>::to_vec)
}

/// The last log directory in a command line of s6-log.
fn of_command_line(line: &[u8]) -> Option<&[u8]> {
    let mut words = line.split(|b| *b == 0);
    let program = words.next()?;
    let is_logger = split(program).1 == b"s6-log" || program == b"s6-log";
    words.rfind(|word| word.starts_with(b"/")).filter(|_| is_logger)
}

/// The last lines in a log directory, at most so many bytes.
///
/// # Errors
/// As open(2) and read(2); `INVAL`: it has no such file.
pub(crate) fn read(dir: &[u8], room: usize) -> Result<String, Errno> {
    let (bytes, is_cut) = tail(&join(dir, CURRENT), room)?;
    Ok(last(&bytes, is_cut, room))
}

/// The last lines of these bytes, of which the beginning may be cut off.
fn last(bytes: &[u8], is_cut: bool, room: usize) -> String {
    let end = bytes.iter().position(|b| *b == b'\n').map_or(0, |at| at.saturating_add(1));
    let whole = bytes.get(end..).filter(|rest| is_cut && !rest.is_empty()).unwrap_or(bytes);
    let text = String::from_utf8_lossy(whole);
    text.get(text.ceil_char_boundary(text.len().saturating_sub(room))..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn the_directory_is_in_the_command_line_of_the_logger() {
        let line = |words: &[&str]| (words.join("\0") + "\0").into_bytes();
        let found = |words: &[&str]| of_command_line(&line(words)).map(<[u8]>::to_vec);
        assert_eq!(
            found(&["s6-log", "-b", "--", "n20", "T", "/var/log/app"]),
            Some(b"/var/log/app".to_vec())
        );
        assert_eq!(found(&["/command/s6-log", "-.*", "+E", "/a", "+.*", "/b"]), Some(b"/b".to_vec()));
        for words in [&["s6-log", "1"][..], &["s6-log"], &["cat", "/b"], &["/s6-logger", "/b"], &[]] {
            assert_eq!(found(words), None, "{words:?}");
        }
    }

    #[test]
    fn the_last_lines_are_whole_ones_if_there_is_room() {
        assert_eq!(last(b"a\nb\n", false, 4), "a\nb\n");
        assert_eq!(last(b"half\nb\nc\n", true, 9), "b\nc\n");
        assert_eq!(last(b"a line that is long\n", true, 20), "a line that is long\n");
        assert_eq!(last(b"no end", true, 6), "no end");
        assert_eq!(last(b"", false, 5), "");
        // What replaces a byte is longer than it.
        assert_eq!(last(b"\xff\xffab", false, 4), "ab");
    }

    #[test]
    fn only_a_regular_file_is_read() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().as_os_str().as_bytes();
        let current = tmp.path().join("current");
        assert_eq!(read(dir, 9), Err(Errno::NOENT));
        std::os::unix::fs::symlink("/etc/passwd", &current).unwrap();
        assert_eq!(read(dir, 9), Err(Errno::LOOP));
        std::fs::remove_file(&current).unwrap();
        rustix::fs::mkfifoat(CWD, &current, Mode::RWXU).unwrap();
        assert_eq!(read(dir, 9), Err(Errno::INVAL));
        std::fs::remove_file(&current).unwrap();
        std::fs::write(&current, "first\nsecond\nthird\n").unwrap();
        assert_eq!(read(dir, 9).as_deref(), Ok("third\n"));
        assert_eq!(read(dir, 90).as_deref(), Ok("first\nsecond\nthird\n"));
    }
}
