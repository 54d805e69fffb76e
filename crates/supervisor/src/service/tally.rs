//! The death tally of a service: a record is appended, or, if the file is full, the file is replaced.

use super::hold::{self, DEATH_TALLY};
use super::service_dir::ServiceDir;
use files::read_at_most;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::AsFd;
use wire::death_tally::{Death, RECORD, RECORDS_MAX, parse, render};

/// At most this many records are kept if the service directory doesn't say otherwise.
const DEFAULT_MAX: u32 = 100;

/// Adds a death to the service's tally.
pub(super) fn record(dir: &ServiceDir, death: Death) {
    let max = dir.number("max-death-tally").unwrap_or(DEFAULT_MAX);
    let max = usize::try_from(max).unwrap_or(RECORDS_MAX).min(RECORDS_MAX);
    if max != 0
        && let Err(e) = add(dir, death, max)
    {
        dir.warn_unable(&format!("write {DEATH_TALLY}"), e);
    }
}

fn add(dir: &ServiceDir, death: Death, max: usize) -> Result<(), Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
    let file = sys::fs::openat(dir.as_fd(), DEATH_TALLY, flags, Mode::from_raw_mode(0o666))?;
    let size = usize::try_from(sys::fs::fstat(&file)?.st_size).unwrap_or(usize::MAX);
    if size.is_multiple_of(RECORD) && size < max.saturating_mul(RECORD) {
        return rustix::io::write(&file, &death.pack()).map(drop);
    }
    // The file is full, or damaged and begun from scratch.
    let old = read_at_most(&file, RECORDS_MAX.saturating_mul(RECORD))?;
    let mut deaths = parse(&old).unwrap_or_default();
    deaths.push(death);
    hold::replace(dir.as_fd(), DEATH_TALLY, &render(&deaths, max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::tai::Tai64n;

    #[test]
    fn keeps_the_latest_and_survives_damage() {
        let tmp = tempfile::tempdir().unwrap();
        let file = tmp.path().join(DEATH_TALLY);
        std::fs::create_dir(tmp.path().join("supervise")).unwrap();
        std::fs::write(tmp.path().join("max-death-tally"), "2").unwrap();
        let dir = ServiceDir::new(std::fs::File::open(tmp.path()).unwrap().into(), b"a");
        let death = |exit_code| Death { stamp: Tai64n::from_unix(1, 0), exit_code, signal: 0 };
        let codes =
            || parse(&std::fs::read(&file).unwrap()).unwrap().iter().map(|d| d.exit_code).collect::<Vec<_>>();
        for (code, expected) in [(1, vec![1]), (2, vec![1, 2]), (3, vec![2, 3]), (4, vec![3, 4])] {
            record(&dir, death(code));
            assert_eq!(codes(), expected);
        }
        std::fs::write(&file, "damage").unwrap();
        record(&dir, death(9));
        assert_eq!(codes(), [9]);
    }

    #[test]
    fn without_a_limit_a_hundred_deaths_are_kept() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::create_dir(tmp.path().join("supervise")).unwrap();
        let dir = ServiceDir::new(std::fs::File::open(tmp.path()).unwrap().into(), b"a");
        for exit_code in 0..=100 {
            record(&dir, Death { stamp: Tai64n::from_unix(1, 0), exit_code, signal: 0 });
        }
        let deaths = parse(&std::fs::read(tmp.path().join(DEATH_TALLY)).unwrap()).unwrap();
        assert_eq!((deaths.len(), deaths[0].exit_code), (100, 1));
    }
}
