//! Local time, in the zone that the process's TZ variable names or, without it, /etc/localtime describes.
//!
//! [`wire::zone`] interprets a zone; here its file is read.  What is malformed is UTC.

use rustix::fs::{FileType, Mode, OFlags};
use rustix::time::ClockId;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::sync::OnceLock;
use wire::calendar::{DateTime, utc};
use wire::zone::{FILE_LIMIT, FOLDERS, Named, Zone, named};

/// The file of the zone if TZ isn't set.
const DEFAULT_FILE: &[u8] = b"/etc/localtime";

/// Unix time in the zone of this process; `None` if the calendar doesn't have the year.
#[must_use]
pub fn local(unix: i64) -> Option<DateTime> {
    utc(unix.saturating_add(of_process().offset(unix)))
}

/// Seconds since midnight in the zone of this process; `None` if the calendar doesn't have the year.
#[must_use]
pub fn second_of_day() -> Option<u32> {
    let DateTime { hour, minute, second, .. } = local(sys::clock::get(ClockId::Realtime).tv_sec)?;
    Some(u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second))
}

/// The zone of this process, read once.
fn of_process() -> &'static Zone {
    static ZONE: OnceLock<Zone> = OnceLock::new();
    ZONE.get_or_init(|| of_tz(std::env::var_os("TZ").map(OsStringExt::into_vec).as_deref()))
}

/// The zone that a value of TZ names; without one, that of /etc/localtime.
#[must_use]
pub fn of_tz(value: Option<&[u8]>) -> Zone {
    let zone = match value.map_or(Named::File(DEFAULT_FILE), named) {
        Named::Zone(zone) => Some(zone),
        Named::File(path) => of_file(path),
        Named::InFolders(name) => FOLDERS.iter().find_map(|folder| of_file(&crate::path::join(folder, name))),
    };
    zone.unwrap_or(Zone::UTC)
}

fn of_file(path: &[u8]) -> Option<Zone> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = sys::fs::open(path, flags, Mode::empty()).ok()?;
    if !FileType::from_raw_mode(sys::fs::fstat(&file).ok()?.st_mode).is_file() {
        return None;
    }
    let mut content = Vec::new();
    File::from(file).take(FILE_LIMIT).read_to_end(&mut content).ok()?;
    Zone::parse(&content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    const TIMES: [i64; 7] = [i64::MIN, -1 << 40, 0, 1_704_163_930, 1_719_888_730, 1 << 50, i64::MAX];

    #[test]
    fn the_default_file() {
        assert_eq!(DEFAULT_FILE, b"/etc/localtime");
        assert_eq!(of_tz(None), of_file(DEFAULT_FILE).unwrap_or(Zone::UTC));
    }

    #[test]
    fn a_zone_comes_from_a_file_or_from_the_value() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("zone");
        let counts = [0, 0, 0, 0, 1, 1].map(u32::to_be_bytes).concat();
        let file = [&b"TZif\0"[..], &[0; 15], &counts, &[0, 0, 0, 60, 0, 0], &[0]].concat();
        std::fs::write(&path, file).unwrap();
        let value = path.as_os_str().as_bytes();
        assert_eq!(of_tz(Some(value)).offset(0), 60);
        assert_eq!(of_tz(Some(&[b":", value].concat())).offset(0), 60);
        assert_eq!(of_tz(Some(b"<x>-0:01")).offset(0), 60);
    }

    #[test]
    fn hostile_values_are_utc() {
        let long = "1".repeat(100_000);
        let nested = format!("./{}", "a/".repeat(5000));
        for value in [
            "",
            ":",
            ":/",
            "/",
            ".",
            "..",
            "../../etc/passwd",
            ":../../etc/passwd",
            "/etc/passwd",
            "/dev/zero",
            "/dev/tty",
            "/proc/self/mem",
            "/nonexistent",
            "Europe/../../../etc/passwd",
            "Europe/Berlin/",
            "nowhere/at/all",
            "A0B,M13.1.0,M1.1.0",
            "A+",
            "A-",
            "UTC+",
            "\u{1}5",
            "<",
            "<>",
            "<>5",
            "<A",
            "5",
            "-5",
            "+",
            ":UTC+5",
            &long,
            &nested,
        ] {
            let zone = of_tz(Some(value.as_bytes()));
            assert_eq!(TIMES.map(|t| zone.offset(t)), [0; 7], "{value:.40}");
        }
    }
}
