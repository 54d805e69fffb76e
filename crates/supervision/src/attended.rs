//! Reads what the attendant has found out about services: [`wire::attended`].
//!
//! What is in its folder may be damaged, or about a process that is gone; then nothing is known.  Links aren't followed, and
//! only regular files are read.

use crate::status::read_status;
use rustix::fs::CWD;
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use wire::attended::{FOLDER, Report, SIZE_MAX, decode};

/// Opens a folder of reports.
///
/// # Errors
/// As open(2); `NOENT` where there is no attendant.
pub fn open(folder: &[u8]) -> Result<OwnedFd, Errno> {
    files::open_dir_itself(CWD, folder)
}

/// The report in such a folder about this process of a service.
#[must_use]
pub fn report(folder: impl AsFd, service: &[u8], pid: u32) -> Option<Report> {
    let file = files::open_file_itself(folder, service).ok()?;
    decode(&files::read_regular(file, SIZE_MAX).ok()?).filter(|report| report.pid == pid)
}

/// The report about the process that a service of this container has now; its name is that of its service directory.
#[must_use]
pub fn of_servicedir(servicedir: &[u8]) -> Option<Report> {
    let folder = open(FOLDER.as_bytes()).ok()?;
    let status = read_status(servicedir).ok().filter(wire::svstatus::Status::is_up)?;
    report(folder, tool::path::split(servicedir).1, status.pid)
}

/// A text and, if the attendant knows why a service isn't ready, that.
#[must_use]
pub fn with_reason(text: String, servicedir: &[u8]) -> String {
    match of_servicedir(servicedir).and_then(|report| report.unready) {
        Some(why) => format!("{text}: {}", tool::diag::show(&why)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FileType, Mode};
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_report_is_about_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let folder = open(dir.path().as_os_str().as_bytes()).unwrap();
        let written =
            Report { pid: 7, unready: Some(b"listen 80: nobody listens".to_vec()), ..Report::default() };
        std::fs::write(dir.path().join("web"), wire::attended::encode(&written)).unwrap();
        assert_eq!(report(&folder, b"web", 7), Some(written));
        assert_eq!((report(&folder, b"web", 8), report(&folder, b"none", 7)), (None, None));
    }

    #[test]
    fn what_is_no_report_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let folder = open(dir.path().as_os_str().as_bytes()).unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("real"), "pid 7\nready yes\n").unwrap();
        std::os::unix::fs::symlink("real", at("link")).unwrap();
        sys::fs::mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        std::fs::create_dir(at("dir")).unwrap();
        // It says what it is about behind the most that is read.
        std::fs::write(at("huge"), [vec![b'\n'; SIZE_MAX], b"pid 7\n".to_vec()].concat()).unwrap();
        std::fs::write(at("damaged"), b"\xff\0pid 7").unwrap();
        for name in ["link", "fifo", "dir", "huge", "damaged"] {
            assert_eq!(report(&folder, name.as_bytes(), 7), None, "{name}");
        }
        std::os::unix::fs::symlink(dir.path(), at("folder")).unwrap();
        assert!(open(at("folder").as_os_str().as_bytes()).is_err());
    }
}
