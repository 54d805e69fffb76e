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

/// At most this many records are kept of a service.
///
/// # Errors
/// It can't be known for lack of descriptors or memory.
fn limit(dir: &ServiceDir) -> Result<usize, Errno> {
    let max = dir.number_unless_short("max-death-tally")?.unwrap_or(DEFAULT_MAX);
    Ok(usize::try_from(max).unwrap_or(RECORDS_MAX).min(RECORDS_MAX))
}

/// Adds deaths to the service's tally and takes them from the list; those that can't be written stay in it, as many as
/// the tally may have.
pub(super) fn record(dir: &ServiceDir, deaths: &mut Vec<Death>) -> Result<(), Errno> {
    let excess = deaths.len().saturating_sub(RECORDS_MAX);
    deaths.drain(..excess);
    let max = limit(dir)?;
    deaths.drain(..deaths.len().saturating_sub(max));
    while let Some(death) = deaths.first() {
        add(dir, *death, max)?;
        deaths.remove(0);
    }
    Ok(())
}

/// Those of the deaths that aren't in the service's tally.
pub(super) fn missing(dir: &ServiceDir, deaths: &[Death]) -> Vec<Death> {
    let bytes = files::read_file(dir, DEATH_TALLY.as_bytes(), RECORDS_MAX.saturating_mul(RECORD));
    let recorded = bytes.ok().and_then(|bytes| parse(&bytes)).unwrap_or_default();
    deaths.iter().filter(|death| !recorded.contains(death)).copied().collect()
}

fn add(dir: &ServiceDir, death: Death, max: usize) -> Result<(), Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
    let file = sys::fs::openat(dir.as_fd(), DEATH_TALLY, flags, Mode::from_raw_mode(0o666))?;
    let length = sys::fs::fstat(&file)?.st_size;
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if size.is_multiple_of(RECORD) && size < max.saturating_mul(RECORD) {
        let record = death.pack();
        let written = rustix::io::write(&file, &record)?;
        if written == record.len() {
            return Ok(());
        }
        // The disk is full, and a part of a record would damage the file.
        rustix::fs::ftruncate(&file, u64::try_from(length).unwrap_or(0))?;
        return Err(Errno::NOSPC);
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
            record(&dir, &mut vec![death(code)]).unwrap();
            assert_eq!(codes(), expected);
        }
        std::fs::write(&file, "damage").unwrap();
        record(&dir, &mut vec![death(9)]).unwrap();
        assert_eq!(codes(), [9]);
    }

    #[test]
    fn without_a_limit_a_hundred_deaths_are_kept() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::create_dir(tmp.path().join("supervise")).unwrap();
        let dir = ServiceDir::new(std::fs::File::open(tmp.path()).unwrap().into(), b"a");
        for exit_code in 0..=100 {
            let death = Death { stamp: Tai64n::from_unix(1, 0), exit_code, signal: 0 };
            record(&dir, &mut vec![death]).unwrap();
        }
        let deaths = parse(&std::fs::read(tmp.path().join(DEATH_TALLY)).unwrap()).unwrap();
        assert_eq!((deaths.len(), deaths[0].exit_code), (100, 1));
    }

    #[test]
    fn what_can_not_be_written_stays_up_to_the_limit() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("max-death-tally"), "3").unwrap();
        let dir = ServiceDir::new(std::fs::File::open(tmp.path()).unwrap().into(), b"a");
        let death = |exit_code| Death { stamp: Tai64n::from_unix(1, 0), exit_code, signal: 0 };
        let mut deaths = (0..5).map(death).collect::<Vec<_>>();
        assert_eq!(record(&dir, &mut deaths), Err(Errno::NOENT), "there is no directory supervise");
        let codes = |deaths: &[Death]| deaths.iter().map(|d| d.exit_code).collect::<Vec<_>>();
        assert_eq!(codes(&deaths), [2, 3, 4]);
        std::fs::create_dir(tmp.path().join("supervise")).unwrap();
        assert_eq!(record(&dir, &mut deaths), Ok(()));
        assert!(deaths.is_empty());
        assert_eq!(codes(&parse(&std::fs::read(tmp.path().join(DEATH_TALLY)).unwrap()).unwrap()), [2, 3, 4]);
        std::fs::write(tmp.path().join("max-death-tally"), "0").unwrap();
        let mut deaths = vec![death(9)];
        assert_eq!((record(&dir, &mut deaths), deaths.len()), (Ok(()), 0), "a tally without room");
    }
}
