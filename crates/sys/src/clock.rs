//! The local clock.

use rustix::io::Errno;
use std::mem::MaybeUninit;

/// Seconds since midnight in the local time zone.
pub fn local_second_of_day() -> Result<u32, Errno> {
    let mut tm = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: a null argument of time(2) is allowed; `tm` is writable, and read only after a success.
    let tm = unsafe {
        let now = libc::time(std::ptr::null_mut());
        if libc::localtime_r(&raw const now, tm.as_mut_ptr()).is_null() {
            return Err(Errno::OVERFLOW);
        }
        tm.assume_init()
    };
    u32::try_from(tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec).map_err(|_| Errno::RANGE)
}
