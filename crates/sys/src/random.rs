//! Random bytes: from getrandom(2), from /dev/urandom on kernels before 3.17, and without both from a hash of what differs
//! between processes.
#![expect(clippy::disallowed_methods, reason = "here they have another way")]

use crate::missing::is_missing;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::rand::GetRandomFlags;

const DEVICE: &str = "/dev/urandom";

/// Fills the buffer with bytes that nobody can guess.
///
/// # Errors
/// There is neither getrandom(2) nor /dev/urandom.
pub fn fill(buffer: &mut [u8]) -> Result<(), Errno> {
    fill_with(buffer, GetRandomFlags::empty())
}

/// The same, with getrandom(2)'s flags.
///
/// # Errors
/// As [`fill`], and as getrandom(2): `AGAIN` if the generator isn't ready and `NONBLOCK` is given.
pub fn fill_with(buffer: &mut [u8], flags: GetRandomFlags) -> Result<(), Errno> {
    match complete(buffer, |rest| rustix::rand::getrandom(rest, flags)) {
        Err(e) if is_missing(e) => from_device(buffer),
        // Linux before 5.6 doesn't know the flag; the device never waits either.
        Err(Errno::INVAL) if flags.contains(GetRandomFlags::INSECURE) => from_device(buffer),
        done => done,
    }
}

/// Fills the buffer with bytes that differ from those of other processes and calls: for names and for hash tables.
pub fn fill_distinct(buffer: &mut [u8]) {
    if fill_with(buffer, GetRandomFlags::NONBLOCK).is_err() {
        without_the_call(buffer);
    }
}

fn without_the_call(buffer: &mut [u8]) {
    if from_device(buffer).is_err() {
        from_circumstances(buffer);
    }
}

fn complete(buffer: &mut [u8], read: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<(), Errno> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match read(rest) {
            Err(Errno::INTR) => {}
            Ok(0) => return Err(Errno::IO),
            got => done = done.saturating_add(got?),
        }
    }
    Ok(())
}

fn from_device(buffer: &mut [u8]) -> Result<(), Errno> {
    let device = crate::fs::open(DEVICE, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    complete(buffer, |rest| rustix::io::read(&device, rest))
}

/// From the 16 random bytes that the kernel gives each program, the clock and the process: mixed by a generator whose
/// outputs all differ (splitmix64).
fn from_circumstances(buffer: &mut [u8]) {
    // SAFETY: reads the auxiliary vector, which the kernel has put behind the environment.
    let bytes = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const [u8; 16];
    let seed = if bytes.is_null() {
        [0; 16]
    } else {
        // SAFETY: the entry points to 16 bytes that live as long as the process.
        unsafe { bytes.read_unaligned() }
    };
    let now = crate::clock::get(rustix::time::ClockId::Monotonic);
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    let seed = u128::from_ne_bytes(seed);
    // The truncations keep both halves of the seed.
    let mut state = (seed as u64) ^ ((seed >> 64) as u64).rotate_left(17);
    state ^= (now.tv_sec as u64).rotate_left(40)
        ^ (now.tv_nsec as u64).rotate_left(20)
        ^ u64::from(pid.unsigned_abs());
    for chunk in buffer.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        for (place, byte) in chunk.iter_mut().zip((mixed ^ (mixed >> 31)).to_ne_bytes()) {
            *place = byte;
        }
    }
}

/// getrandom(2) for the standard library, whose hash tables ask for seeds: it doesn't fail where there is neither the call
/// nor the device.  This takes the place of the C library's function of that name.
///
/// # Safety
/// `buffer` has room for `length` bytes.
#[cfg(target_env = "musl")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(
    buffer: *mut libc::c_void,
    length: libc::size_t,
    flags: libc::c_uint,
) -> libc::ssize_t {
    // SAFETY: the caller vouches for the buffer.
    let got = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
    if got == -1 && is_missing(crate::errno::last()) {
        // SAFETY: likewise; it is filled in before it is read.
        let bytes = unsafe {
            buffer.write_bytes(0, length);
            std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length)
        };
        without_the_call(bytes);
        return length.cast_signed();
    }
    got as libc::ssize_t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_gives_other_bytes_each_time() {
        let sources: [fn(&mut [u8]); 4] =
            [|b| fill(b).unwrap(), fill_distinct, |b| from_device(b).unwrap(), from_circumstances];
        let mut seen = std::collections::BTreeSet::new();
        for source in sources {
            for length in [16, 19] {
                let mut bytes = vec![0; length];
                source(&mut bytes);
                assert!(bytes.iter().any(|b| *b != 0));
                assert!(seen.insert(bytes));
            }
        }
        assert_eq!(seen.len(), 8);
    }
}
