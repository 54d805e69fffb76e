//! `rngseed`: seeds the kernel's random number generator from a file, waits until it is ready, and saves a new seed.
//!
//! A seed file with mode 0400 was written by a ready generator and is credited as entropy; one with mode 0600 is not.

use files::{Permissions, Replace, Writers, read_at_most, replace_at};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, fsync};
use rustix::io::Errno;
use rustix::rand::GetRandomFlags;
use std::os::fd::OwnedFd;
use sys::fs::openat;
use sys::random::fill_with;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "rngseed",
    summary: "seed the random number generator, or save a seed",
    operands: "",
    options: &[
        Opt::flag('r', "seed from the file, and remove it"),
        Opt::flag('R', "like -r, but never credit it as entropy"),
        Opt::flag('N', "then wait until the generator is ready (default)"),
        Opt::flag('n', "don't wait"),
        Opt::flag('w', "then save a new seed"),
        Opt::flag('W', "like -w, but never mark it as creditable"),
        Opt::value('d', "dir", "where the seed file is; default /var/lib/rngseed"),
        Opt::value('v', "verbosity", "0: errors, 1: also warnings (default), 2: also information"),
    ],
    role: Role::Stay,
    main,
};

/// The length of a seed in bytes.
const SEED: usize = 512;

/// The mode of a seed file that is credited as entropy.
const CREDITABLE: u32 = 0o400;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity: u32 = options.number('v')?.unwrap_or(1);
    let path = options.get('d').unwrap_or(b"/var/lib/rngseed").to_vec();
    let (reading, writing) = (options.last_of("rR"), options.last_of("wW"));
    let dir = if reading.is_some() || writing.is_some() {
        Some(open_dir(&path).or_unable_to("open", &path)?)
    } else {
        None
    };
    let info = |text: &str| {
        if verbosity >= 2 {
            call.info(text);
        }
    };
    if let (Some(how), Some(dir)) = (reading, &dir) {
        let unable = || format!("read {}/seed", diag::show(&path));
        let (seed, mode) = take_seed(dir).or_unable(unable)?;
        if seed.is_empty() {
            return Err(Fatal::new(111, format_args!("{}/seed is empty", diag::show(&path))));
        }
        let credit = how == 'r' && mode == CREDITABLE;
        if how == 'r' && !credit && verbosity >= 1 {
            call.warn("the seed doesn't count as entropy");
        }
        seed_generator(&seed, credit).or_unable(|| "seed the random number generator")?;
        info("seeded the random number generator");
    }
    if options.last_of("nN") != Some('n') {
        fill_with(&mut [0], GetRandomFlags::empty()).or_unable(|| "wait for the random number generator")?;
    }
    if let (Some(how), Some(dir)) = (writing, &dir) {
        let mut seed = vec![0; SEED];
        let ready = fill_with(&mut seed, GetRandomFlags::NONBLOCK).is_ok();
        if !ready {
            fill_with(&mut seed, GetRandomFlags::INSECURE).or_unable(|| "get random bytes")?;
        }
        let mode = if ready && how == 'w' { CREDITABLE } else { 0o600 };
        save(dir, &seed, mode).or_unable(|| format!("write {}/seed", diag::show(&path)))?;
        info("saved a seed");
    }
    Ok(Next::SUCCESS)
}

/// Opens and locks the directory, so that no seed is used twice; creates it with mode 0700 if needed.
fn open_dir(path: &[u8]) -> Result<OwnedFd, Errno> {
    match sys::fs::mkdir(path, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e),
    }
    let dir = files::open_dir(CWD, path)?;
    flock(&dir, FlockOperation::LockExclusive)?;
    Ok(dir)
}

/// Reads the seed and its file's mode, and removes the file durably before the seed is used.
fn take_seed(dir: &OwnedFd) -> Result<(Vec<u8>, u32), Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(dir, "seed", flags, Mode::empty())?;
    let mode = sys::fs::fstat(&file)?.st_mode & 0o7777;
    let seed = read_at_most(&file, SEED)?;
    sys::fs::unlinkat(dir, "seed", AtFlags::empty())?;
    fsync(dir)?;
    Ok((seed, mode))
}

/// Seeds the generator.
fn seed_generator(seed: &[u8], credit: bool) -> Result<(), Errno> {
    let random = openat(CWD, "/dev/urandom", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    if credit {
        return sys::device::add_entropy(random, seed);
    }
    rustix::io::write(random, seed).map(drop)
}

/// Replaces the seed file atomically.
fn save(dir: &OwnedFd, seed: &[u8], mode: u32) -> Result<(), Errno> {
    let mode = Permissions::Exact(mode);
    replace_at(dir, b"seed", seed, Replace { mode, owner: None, sync: true, writers: Writers::One })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_seed_has_512_bytes_in_a_private_directory() {
        assert_eq!((SEED, CREDITABLE), (512, 0o400));
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("seeds");
        drop(open_dir(path.as_os_str().as_bytes()).unwrap());
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o7777, 0o700);
    }

    #[test]
    fn a_seed_is_taken_once() {
        let place = tempfile::tempdir().unwrap();
        let dir = open_dir(place.path().as_os_str().as_bytes()).unwrap();
        save(&dir, &[7; SEED], CREDITABLE).unwrap();
        save(&dir, &[8; 100], 0o600).unwrap();
        assert_eq!(take_seed(&dir).unwrap(), (vec![8; 100], 0o600));
        assert_eq!(take_seed(&dir).unwrap_err(), Errno::NOENT);
    }
}
