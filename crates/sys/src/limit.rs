//! Resource limits: prlimit(2), and the older calls where a profile denies it.

use crate::missing::is_missing;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};

/// The structure of prlimit64, on every machine.
#[repr(C)]
struct Wide {
    current: u64,
    maximum: u64,
}

/// The structure of the older calls: words.
#[repr(C)]
struct Words {
    current: libc::c_ulong,
    maximum: libc::c_ulong,
}

#[cfg(any(target_arch = "x86", target_arch = "arm"))]
const GET: libc::c_long = libc::SYS_ugetrlimit;
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
const GET: libc::c_long = libc::SYS_getrlimit;

fn wide_number(n: impl Into<u64>) -> u64 {
    n.into()
}

fn check(rc: libc::c_long) -> Result<(), Errno> {
    match rc {
        0 => Ok(()),
        _ => Err(crate::errno::last()),
    }
}

/// The limit; none if the kernel doesn't tell it.
#[must_use]
pub fn get(resource: Resource) -> Rlimit {
    let mut wide = Wide { current: u64::MAX, maximum: u64::MAX };
    let null = std::ptr::null::<Wide>();
    // SAFETY: the structure has the call's layout and is valid while it is filled in.
    let got = check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource as u32, null, &raw mut wide) });
    if got.is_err() {
        let mut words = Words { current: libc::c_ulong::MAX, maximum: libc::c_ulong::MAX };
        // SAFETY: likewise.
        let _ = check(unsafe { libc::syscall(GET, resource as u32, &raw mut words) });
        let widened = |n: libc::c_ulong| if n == libc::c_ulong::MAX { u64::MAX } else { wide_number(n) };
        wide = Wide { current: widened(words.current), maximum: widened(words.maximum) };
    }
    let known = |n: u64| Some(n).filter(|n| *n != u64::MAX);
    Rlimit { current: known(wide.current), maximum: known(wide.maximum) }
}

/// Sets the limit, setrlimit(2).  Async-signal-safe.
///
/// # Errors
/// As setrlimit(2).
pub fn set(resource: Resource, limit: &Rlimit) -> Result<(), Errno> {
    let wide =
        Wide { current: limit.current.unwrap_or(u64::MAX), maximum: limit.maximum.unwrap_or(u64::MAX) };
    let null = std::ptr::null_mut::<Wide>();
    // SAFETY: the structure has the call's layout and is only read.
    match check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource as u32, &raw const wide, null) }) {
        Err(e) if is_missing(e) => {
            let longest = wide_number(libc::c_ulong::MAX);
            let word = |n: u64| n.min(longest) as libc::c_ulong;
            let words = Words { current: word(wide.current), maximum: word(wide.maximum) };
            // SAFETY: likewise.
            check(unsafe { libc::syscall(libc::SYS_setrlimit, resource as u32, &raw const words) })
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "to compare")]
    fn limits_are_what_the_kernel_says() {
        for resource in [Resource::Nofile, Resource::Core, Resource::Stack] {
            let limit = get(resource);
            assert_eq!(limit, rustix::process::getrlimit(resource));
            set(resource, &limit).unwrap();
        }
        let above = Rlimit { current: Some(2), maximum: Some(1) };
        assert_eq!(set(Resource::Nofile, &above), Err(Errno::INVAL));
    }
}
