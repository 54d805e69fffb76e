//! Where a logger writes, and the last of what it has written.
//!
//! A logger writes where its command line says: of the words of its process, or of its `run` file if it doesn't run, those
//! count that name a directory with a file `current`.  That holds for `s6-log` and its kin, whatever starts them.
//!
//! What is in such a directory may be another user's work: links aren't followed, and only regular files are read.

use rustix::fs::CWD;
use rustix::io::Errno;
use supervision::status::read_status;
use tool::path::{join, split};
use tool::processes;
use wire::svstatus::Status;

/// The current file of a log directory.
pub const CURRENT: &[u8] = b"current";

/// The limit of a command line or `run` file in bytes, as far as it is read.
const WORDS_MAX: usize = 64 << 10;

/// Programs that log.
const LOGGERS: [&[u8]; 5] = [b"s6-log", b"multilog", b"svlogd", b"tinylog", b"cyclog"];

/// The `run` file of a service directory, as far as it can be read.
pub fn run_file(servicedir: &[u8]) -> Vec<u8> {
    files::read_no_fifo(CWD, &join(servicedir, b"run"), WORDS_MAX).unwrap_or_default()
}

/// The words of a script, roughly.
pub fn words(script: &[u8]) -> impl Iterator<Item = &[u8]> {
    script.split(|b| b.is_ascii_whitespace() || b"'\";{}".contains(b))
}

/// The path that a word of a service's command line names; a relative one counts from `servicedir`.
pub fn path(word: &[u8], servicedir: &[u8]) -> Option<Vec<u8>> {
    match word.first()? {
        b'/' => Some(word.to_vec()),
        b'.' => Some(join(servicedir, word)),
        _ => None,
    }
}

/// The end of a log file, at most so many bytes, and whether there is more before them.
///
/// # Errors
/// As [`files::open_file_itself`] and read(2).
pub fn tail(path: &[u8], room: usize) -> Result<(Vec<u8>, bool), Errno> {
    let file = files::open_file_itself(CWD, path)?;
    let size = u64::try_from(sys::fs::fstat(&file)?.st_size).unwrap_or_default();
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(size.saturating_sub(room as u64)))?;
    Ok((files::read_at_most(&file, room)?, size > room as u64))
}

/// The log directories of the process of a service directory; with `by_name`, only if it is a program that logs.  `pid` is the
/// process, 0 for none; unless it is known from the status board, the supervisor's file says it to those who may read that.
pub fn directories(servicedir: &[u8], pid: Option<u32>, by_name: bool) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let from_status = || read_status(servicedir).ok().filter(Status::is_up).map(|status| status.pid);
    let pid = pid.or_else(from_status).unwrap_or(0);
    let look = |pid: u64, found: &mut Vec<Vec<u8>>| {
        let line = format!("/proc/{pid}/cmdline");
        let line = files::read_file(CWD, line.as_bytes(), WORDS_MAX).unwrap_or_default();
        let program = split(line.split(|b| *b == 0).next().unwrap_or_default()).1;
        if !by_name || LOGGERS.contains(&program) {
            add(line.split(|b| *b == 0).skip(1), servicedir, found);
        }
    };
    if pid != 0 {
        look(pid.into(), &mut found);
    }
    if pid != 0 && found.is_empty() {
        // A script may run the logger as its child.
        let all = processes::all().unwrap_or_default();
        all.iter().filter(|p| p.ppid == u64::from(pid)).for_each(|p| look(p.pid, &mut found));
    }
    if found.is_empty() && !by_name {
        let run = run_file(servicedir);
        add(words(&run), servicedir, &mut found);
    }
    found
}

/// Adds the words that name log directories; relative ones count from `servicedir`.
fn add<'a>(words: impl Iterator<Item = &'a [u8]>, servicedir: &[u8], found: &mut Vec<Vec<u8>>) {
    for word in words {
        let Some(dir) = path(word, servicedir) else { continue };
        let has_log = match sys::fs::lstat(join(&dir, CURRENT)) {
            Ok(_) => true,
            // Whoever may not look hears so when it is opened.
            Err(e) => e == Errno::ACCESS,
        };
        if has_log && !found.contains(&dir) {
            found.push(dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn words_that_name_a_directory_with_a_log_count() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().as_os_str().as_bytes();
        for log in ["a", "b"] {
            std::fs::create_dir(tmp.path().join(log)).unwrap();
            std::fs::write(tmp.path().join(log).join("current"), "").unwrap();
        }
        std::fs::create_dir(tmp.path().join("empty")).unwrap();
        let at = |name: &str| join(dir, name.as_bytes());
        let words = [&b"n20"[..], b"T", &at("empty"), b"./b", &at("a"), &at("a"), b"a", b"/none", b"", b"."];
        let mut found = Vec::new();
        add(words.into_iter(), dir, &mut found);
        assert_eq!(found, [at("./b"), at("a")]);
    }
}
