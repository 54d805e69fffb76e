//! Time stamps as they are printed.

use tool::local_time;
use wire::calendar::{DateTime, utc};
use wire::tai::{Tai64n, nine_digits};

/// Gives the date and time of a Unix time.
pub type Calendar = fn(i64) -> Option<DateTime>;

/// Prints moments in ISO 8601.  The date is only looked up and written when the second has changed.
#[derive(Debug)]
pub struct Clock {
    calendar: Calendar,
    /// The second that the stamp is of, by TAI64.
    second: Option<u64>,
    /// The stamp, unless the calendar can't tell the date.
    text: Option<Vec<u8>>,
}

impl Clock {
    /// A clock that shows time by `calendar`.
    #[must_use]
    pub fn new(calendar: Calendar) -> Self {
        Self { calendar, second: None, text: None }
    }

    /// `YYYY-MM-DD HH:MM:SS.NNNNNNNNN`; `None` if the calendar can't tell the date.
    pub fn iso(&mut self, now: Tai64n) -> Option<&[u8]> {
        if self.second != Some(now.seconds) {
            self.second = Some(now.seconds);
            self.text = (self.calendar)(now.unix_seconds()).map(|mut date| {
                date.second += u8::from(now.is_leap_second());
                iso(date)
            });
        }
        let text = self.text.as_mut()?;
        if let Some(digits) = text.last_chunk_mut() {
            *digits = nine_digits(now.nanos);
        }
        Some(text)
    }
}

/// A stamp of this second's start.
fn iso(date: DateTime) -> Vec<u8> {
    let DateTime { year, month, day, hour, minute, second } = date;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.000000000").into_bytes()
}

/// Local time; UTC where that can't be told; the epoch where that can't either.
pub(crate) fn local_or_utc(unix: i64) -> Option<DateTime> {
    local_time::local(unix).or_else(|| utc(unix)).or(Some(DateTime::EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_padded() {
        let mut clock = Clock::new(utc);
        let mut iso = |seconds, nanos| {
            String::from_utf8(clock.iso(Tai64n::from_unix(seconds, nanos)).unwrap().to_vec()).unwrap()
        };
        assert_eq!(iso(1_704_164_645, 6), "2024-01-02 03:04:05.000000006");
        assert_eq!(iso(1_704_164_645, 999_999_999), "2024-01-02 03:04:05.999999999");
        assert_eq!(iso(1_704_164_646, 120_000_000), "2024-01-02 03:04:06.120000000");
        assert_eq!(iso(-1, 0), "1969-12-31 23:59:59.000000000");
        assert_eq!(iso(1 << 40, 0), "36812-02-20 00:36:16.000000000");
        assert_eq!(iso(1_483_228_799, 0), "2016-12-31 23:59:59.000000000");
        assert_eq!(iso(1_483_228_800, 0), "2017-01-01 00:00:00.000000000");
        let leap = Tai64n { seconds: Tai64n::from_unix(1_483_228_800, 0).seconds - 1, nanos: 7 };
        assert_eq!(clock.iso(leap).unwrap(), b"2016-12-31 23:59:60.000000007");
    }

    #[test]
    fn dates_that_no_calendar_has() {
        let far = Tai64n { seconds: u64::MAX >> 1, nanos: 5 };
        assert_eq!(Clock::new(utc).iso(far), None);
        assert_eq!(Clock::new(local_or_utc).iso(far).unwrap(), b"1970-01-01 00:00:00.000000005");
    }
}
