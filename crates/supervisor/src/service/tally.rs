//! Keeping the death tally: one record is appended, until the file has its most and is rewritten.

use super::definition::ServiceDir;
use files::read_at_most;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::AsFd;
use wire::death_tally::{Death, MAX, RECORD, parse, render};

/// The file, in a service directory.
pub(super) const FILE: &str = "supervise/death_tally";

const DEFAULT_MAX: u32 = 100;

/// Adds a death to the service's tally.
pub(super) fn record(dir: &ServiceDir, death: Death) {
    let max = dir.number("max-death-tally").unwrap_or(DEFAULT_MAX);
    let max = usize::try_from(max).unwrap_or(MAX).min(MAX);
    if max != 0
        && let Err(e) = add(dir, death, max)
    {
        dir.warn_unable(&format!("write {FILE}"), e);
    }
}

fn add(dir: &ServiceDir, death: Death, max: usize) -> Result<(), Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
    let file = sys::fs::openat(dir.as_fd(), FILE, flags, Mode::from_raw_mode(0o666))?;
    let size = usize::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(usize::MAX);
    if size.is_multiple_of(RECORD) && size < max.saturating_mul(RECORD) {
        return rustix::io::write(&file, &death.pack()).map(drop);
    }
    // Full, or damaged: a file that makes no sense is begun anew.
    let old = read_at_most(&file, MAX.saturating_mul(RECORD))?;
    let mut deaths = parse(&old).unwrap_or_default();
    deaths.push(death);
    super::directory::replace(dir.as_fd(), FILE, &render(&deaths, max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::tai::Tai64n;

    #[test]
    fn keeps_the_latest_and_survives_damage() {
        let tmp = tempfile::tempdir().unwrap();
        let file = tmp.path().join(FILE);
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
}
