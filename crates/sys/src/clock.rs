//! The local clock.

use rustix::io::Errno;
use std::mem::MaybeUninit;

use crate::zone;

/// A moment by the calendar and the clock of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// The year.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
}

/// Unix time in the time zone of the process's TZ variable or, without it, of /etc/localtime; in UTC if those make no
/// sense.
///
/// # Errors
/// As [`utc`].
pub fn local(unix: i64) -> Result<DateTime, Errno> {
    utc(unix.saturating_add(zone::own().offset(unix)))
}

/// Unix time in UTC.
///
/// # Errors
/// The year doesn't fit: OVERFLOW.
pub fn utc(unix: i64) -> Result<DateTime, Errno> {
    let mut tm = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are valid; `tm` is read only after a success.
    let tm = unsafe {
        if libc::gmtime_r(&raw const unix, tm.as_mut_ptr()).is_null() {
            return Err(Errno::OVERFLOW);
        }
        tm.assume_init()
    };
    let small = |n: libc::c_int| u8::try_from(n).unwrap_or_default();
    Ok(DateTime {
        year: tm.tm_year.saturating_add(1900),
        month: small(tm.tm_mon + 1),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
    })
}

/// Seconds since midnight in the local time zone.
pub fn local_second_of_day() -> Result<u32, Errno> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec;
    let DateTime { hour, minute, second, .. } = local(now)?;
    Ok(u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar() {
        let date =
            |year, month, day, hour, minute, second| DateTime { year, month, day, hour, minute, second };
        assert_eq!(utc(0).unwrap(), date(1970, 1, 1, 0, 0, 0));
        assert_eq!(utc(951_827_696).unwrap(), date(2000, 2, 29, 12, 34, 56));
        assert!(utc(i64::MAX).is_err());
    }
}
