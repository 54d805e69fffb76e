//! Login records, utmp(5): lists and notifies logged-in users, and records logouts and shutdowns.
//!
//! A record has 384 bytes; those used here:
//!
//! | bytes | what |
//! |---|---|
//! | 0–1 | type: 1 runlevel change, 7 user process, 8 ended process; native byte order |
//! | 4–7 | the process id |
//! | 8–39 | the terminal below /dev |
//! | 40–43 | the terminal's identifier |
//! | 44–75 | the user |
//! | 76–331 | the host, or for a runlevel change the kernel's release |
//! | 340–347 | seconds and microseconds, 32 bits each |

use std::io::Write;

/// The length of a record in bytes.
const RECORD: usize = 384;
/// The current logins.
const USERS: &str = "/run/utmp";
/// The history of logins.
const HISTORY: &str = "/var/log/wtmp";
/// The limit of records read from a file, which may be damaged.
const MAX_RECORDS: usize = 4096;

/// A user who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// The user's name.
    pub(crate) user: Vec<u8>,
    /// The terminal, a path below /dev.
    pub(crate) line: Vec<u8>,
}

fn text(record: &[u8], from: usize, to: usize) -> Vec<u8> {
    let field = record.get(from..to).unwrap_or_default();
    field.split(|b| *b == 0).next().unwrap_or_default().to_vec()
}

fn parse(bytes: &[u8]) -> Vec<Login> {
    let users = bytes.chunks_exact(RECORD).take(MAX_RECORDS).filter(|r| r.starts_with(&7u16.to_ne_bytes()));
    users.map(|r| Login { user: text(r, 44, 76), line: text(r, 8, 40) }).collect()
}

/// The logged-in users; none if the file can't be read.
pub(crate) fn logins() -> Vec<Login> {
    std::fs::read(USERS).map(|bytes| parse(&bytes)).unwrap_or_default()
}

/// Whether a terminal's name stays below /dev.
fn is_below(line: &[u8]) -> bool {
    !line.is_empty() && line.split(|b| *b == b'/').all(|part| !part.is_empty() && part != b"..")
}

/// Writes a message to the terminals of all logged-in users, skipping terminals that fail.
pub(crate) fn wall(message: &str) {
    use rustix::fs::{CWD, Mode, OFlags};
    for login in logins().into_iter().filter(|l| is_below(&l.line)) {
        let path = [&b"/dev/"[..], &login.line].concat();
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        if let Ok(tty) = sys::fs::openat(CWD, path, flags, Mode::empty()) {
            let _ = rustix::io::write(&tty, format!("\r\n{message}\r\n").as_bytes());
        }
    }
}

fn shutdown_record(release: &[u8], seconds: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let mut put = |at: usize, bytes: &[u8]| {
        for (slot, b) in record.iter_mut().skip(at).zip(bytes) {
            *slot = *b;
        }
    };
    put(0, &1u16.to_ne_bytes());
    put(8, b"~");
    put(40, b"~~");
    put(44, b"shutdown");
    put(76, release.get(..release.len().min(255)).unwrap_or_default());
    put(340, &u32::try_from(seconds).unwrap_or(u32::MAX).to_ne_bytes());
    record
}

fn seconds_now() -> u64 {
    sys::clock::get(rustix::time::ClockId::Realtime).tv_sec.try_into().unwrap_or_default()
}

/// The record of a user process after its end; `None` if the record isn't for this process.
fn logout_record(record: &[u8], pid: i32, seconds: u64) -> Option<Vec<u8>> {
    if !record.starts_with(&7u16.to_ne_bytes()) || record.get(4..8) != Some(pid.to_ne_bytes().as_slice()) {
        return None;
    }
    let mut ended = record.to_vec();
    ended.get_mut(..2)?.copy_from_slice(&8u16.to_ne_bytes());
    // The user and the host, and the time.
    ended.get_mut(44..332)?.fill(0);
    ended.get_mut(340..344)?.copy_from_slice(&u32::try_from(seconds).unwrap_or(u32::MAX).to_ne_bytes());
    ended.get_mut(344..348)?.fill(0);
    Some(ended)
}

/// Marks the record of a user process as ended, in the list of logins and in the history.  A missing list or process
/// is no error.
///
/// # Errors
/// The list can't be read or written.
pub(crate) fn record_logout(pid: i32) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let list = match std::fs::OpenOptions::new().read(true).write(true).open(USERS) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    rustix::fs::fcntl_lock(&list, rustix::fs::FlockOperation::LockExclusive)?;
    let mut record = [0; RECORD];
    for place in (0..).step_by(RECORD).take(MAX_RECORDS) {
        match list.read_exact_at(&mut record, place) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => break,
            read => read?,
        }
        if let Some(ended) = logout_record(&record, pid, seconds_now()) {
            list.write_all_at(&ended, place)?;
            add_to_history(&ended);
        }
    }
    Ok(())
}

/// Appends a record to the history, if the machine keeps one.
fn add_to_history(record: &[u8]) {
    if let Ok(mut file) = std::fs::OpenOptions::new().append(true).open(HISTORY) {
        let _ = file.write_all(record);
    }
}

/// Appends a shutdown record to the history, if the machine keeps one.
pub(crate) fn record_shutdown() {
    let name = rustix::system::uname();
    add_to_history(&shutdown_record(name.release().to_bytes(), seconds_now()));
}
#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, line: &[u8], user: &[u8]) -> Vec<u8> {
        let mut r = vec![0; RECORD];
        r[..2].copy_from_slice(&kind.to_ne_bytes());
        r[8..8 + line.len()].copy_from_slice(line);
        r[44..44 + user.len()].copy_from_slice(user);
        r
    }

    #[test]
    fn the_files_and_the_sizes_of_records() {
        assert_eq!((USERS, HISTORY), ("/run/utmp", "/var/log/wtmp"));
        assert_eq!((RECORD, MAX_RECORDS), (384, 4096));
    }

    #[test]
    fn only_user_processes_are_logins() {
        let bytes = [record(2, b"~", b"reboot"), record(7, b"pts/3", b"me"), vec![1; 100]].concat();
        assert_eq!(parse(&bytes), [Login { user: b"me".to_vec(), line: b"pts/3".to_vec() }]);
    }

    #[test]
    fn terminals_stay_below_dev() {
        assert!(is_below(b"pts/3"));
        assert!(!is_below(b"../etc/passwd"));
        assert!(!is_below(b"/etc/passwd"));
        assert!(!is_below(b""));
    }

    #[test]
    fn a_logout_clears_the_users_record() {
        let mut login = record(7, b"pts/3", b"me");
        login[4..8].copy_from_slice(&77i32.to_ne_bytes());
        let ended = logout_record(&login, 77, 5).unwrap();
        assert_eq!((text(&ended, 8, 40), text(&ended, 44, 76)), (b"pts/3".to_vec(), Vec::new()));
        assert!(ended.starts_with(&8u16.to_ne_bytes()) && parse(&ended).is_empty());
        assert_eq!(logout_record(&login, 78, 5), None);
        assert_eq!(logout_record(&ended, 77, 5), None);
    }

    #[test]
    fn a_shutdown_record_has_its_fields() {
        let r = shutdown_record(b"6.1.0", 5);
        assert_eq!(text(&r, 44, 76), b"shutdown");
        assert_eq!(text(&r, 76, 332), b"6.1.0");
        assert_eq!(r[340..344], 5u32.to_ne_bytes());
    }
}
