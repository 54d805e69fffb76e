//! The Gregorian calendar, extended to all years (proleptic): days and seconds since 1970 to dates and back.

/// Seconds of a day.
pub const DAY: i64 = 86_400;

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

impl DateTime {
    /// The moment at which Unix time begins.
    pub const EPOCH: Self = Self { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 };

    /// Unix time of this date in UTC.
    #[must_use]
    pub fn unix(self) -> i64 {
        let days = first_day(self.year.into(), self.month.into()) + i64::from(self.day) - 1;
        days * DAY + i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }
}

/// The date and time at the start of a text, `YYYY-MM-DD HH:MM:SS` with a `T` or a blank between them, its nanoseconds if
/// there is a fraction, and the rest of the text.
#[must_use]
pub fn parse(text: &[u8]) -> Option<(DateTime, u32, &[u8])> {
    let (date, mut rest) = text.split_at_checked(19)?;
    let shape = date.iter().zip(b"0000-00-00T00:00:00").all(|(byte, like)| match like {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        _ => byte == like,
    });
    let number = |range: std::ops::Range<usize>| crate::number::decimal::<i32>(date.get(range)?);
    let small = |at: usize, from: u8, to: u8| {
        u8::try_from(number(at..at + 2)?).ok().filter(|n| (from..=to).contains(n))
    };
    let at = DateTime {
        year: number(0..4).filter(|_| shape)?,
        month: small(5, 1, 12)?,
        day: small(8, 1, 31)?,
        hour: small(11, 0, 23)?,
        minute: small(14, 0, 59)?,
        second: small(17, 0, 60)?,
    };
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, after) = fraction.split_at_checked(digits)?;
        let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        nanos = padded.fold(0, |n, digit| n * 10 + u32::from(digit - b'0'));
        rest = after;
    }
    Some((at, nanos, rest))
}

/// Unix time in UTC; `None` if the C library's calendar doesn't have the year: that counts from 1900, in 32 bits.
#[must_use]
pub fn utc(unix: i64) -> Option<DateTime> {
    let (day, second) = (unix.div_euclid(DAY), unix.rem_euclid(DAY));
    let year = year_of(day);
    let since_1900 = i32::try_from(year - 1900).ok()?;
    // No month has more than 31 days: at most one month off.
    let mut month = (day - first_day(year, 1)) / 31 + 1;
    if month < 12 && day >= first_day(year, month + 1) {
        month += 1;
    }
    let small = |n: i64| u8::try_from(n).ok();
    Some(DateTime {
        year: since_1900.saturating_add(1900),
        month: small(month)?,
        day: small(day - first_day(year, month) + 1)?,
        hour: small(second / 3600)?,
        minute: small(second / 60 % 60)?,
        second: small(second % 60)?,
    })
}

/// The days between 1970 and the first of a month of 1 to 12.
pub(crate) fn first_day(year: i64, month: i64) -> i64 {
    // Years are counted from March: the leap day is their last one.
    let year = if month < 3 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

/// The year of a day; `day` is at most [`i64::MAX`] / [`DAY`].
pub(crate) fn year_of(day: i64) -> i64 {
    // 400 years are 146097 days: at most one year off.
    let year = 1970 + (day * 400).div_euclid(146_097);
    if day < first_day(year, 1) {
        year - 1
    } else if day >= first_day(year + 1, 1) {
        year + 1
    } else {
        year
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let date =
            |year, month, day, hour, minute, second| DateTime { year, month, day, hour, minute, second };
        for (unix, expected) in [
            (0, DateTime::EPOCH),
            (-1, date(1969, 12, 31, 23, 59, 59)),
            (951_782_399, date(2000, 2, 28, 23, 59, 59)),
            (951_827_696, date(2000, 2, 29, 12, 34, 56)),
            (951_868_800, date(2000, 3, 1, 0, 0, 0)),
            (1_709_251_199, date(2024, 2, 29, 23, 59, 59)),
            (4_107_542_400, date(2100, 3, 1, 0, 0, 0)),
            (4_107_542_399, date(2100, 2, 28, 23, 59, 59)),
            (253_402_300_800, date(10_000, 1, 1, 0, 0, 0)),
            (-62_167_219_201, date(-1, 12, 31, 23, 59, 59)),
        ] {
            assert_eq!(utc(unix), Some(expected), "{unix}");
        }
    }

    #[test]
    fn a_year_that_no_c_library_counts_is_none() {
        let first = |year: i64| first_day(year, 1) * DAY;
        let (first_year, last_year) = (i64::from(i32::MIN) + 1900, i64::from(i32::MAX) + 1900);
        assert_eq!(utc(first(first_year)).map(|t| t.year), Some(i32::MIN + 1900));
        assert_eq!(utc(first(first_year) - 1), None);
        assert_eq!(utc(first(i64::from(i32::MAX))).map(|t| t.year), Some(i32::MAX));
        // The last 1900 years have no number of their own.
        assert_eq!(utc(first(last_year + 1) - 1).map(|t| (t.year, t.month, t.day)), Some((i32::MAX, 12, 31)));
        assert_eq!(utc(first(last_year + 1)), None);
        assert_eq!([i64::MIN, i64::MAX].map(utc), [None, None]);
    }

    #[test]
    fn dates_are_read_as_they_are_written() {
        let read = |text: &str| {
            let (date, nanos, rest) = parse(text.as_bytes())?;
            Some((date.unix(), nanos, String::from_utf8_lossy(rest).into_owned()))
        };
        for (text, unix, nanos, rest) in [
            ("1970-01-01 00:00:00", 0, 0, ""),
            ("2023-11-14T22:13:20Z", 1_700_000_000, 0, "Z"),
            ("2023-11-14t22:13:20.5+01:00", 1_700_000_000, 500_000_000, "+01:00"),
            ("2000-02-29 12:34:56.000000007  text", 951_827_696, 7, "  text"),
            ("2016-12-31 23:59:60.1234567891", 1_483_228_800, 123_456_789, ""),
            ("9999-12-31 23:59:59.", 253_402_300_799, 0, ""),
        ] {
            assert_eq!(read(text), Some((unix, nanos, rest.to_owned())), "{text}");
        }
        for text in [
            "",
            "1970-01-01 00:00",
            "1970-13-01 00:00:00",
            "1970-01-01 24:00:00",
            "1970/01/01 00:00:00",
            "-970-01-01 00:00:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        for unix in [0, -1, 951_782_399, 1_709_251_199, 4_107_542_400] {
            assert_eq!(utc(unix).map(DateTime::unix), Some(unix));
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut yesterday = utc(-DAY).unwrap();
        for day in 0..150_000 {
            let today = utc(day * DAY).unwrap();
            let follows = (today.year, today.month, today.day)
                == (yesterday.year, yesterday.month, yesterday.day + 1)
                || (today.year, today.month, today.day) == (yesterday.year, yesterday.month + 1, 1)
                || (today.year, today.month, today.day) == (yesterday.year + 1, 1, 1)
                    && yesterday.month == 12;
            assert!(follows, "{yesterday:?} {today:?}");
            yesterday = today;
        }
    }

    #[test]
    fn first_days_and_years() {
        assert_eq!(
            [(1970, 1), (1970, 12), (2000, 3), (1969, 1)].map(|(y, m)| first_day(y, m)),
            [0, 334, 11_017, -365]
        );
        for year in -3000..5000 {
            let first = first_day(year, 1);
            assert_eq!([first - 1, first, first + 364].map(year_of), [year - 1, year, year], "{year}");
        }
        let extreme = i64::MAX / DAY;
        assert!(first_day(year_of(extreme), 1) <= extreme && first_day(year_of(-extreme), 1) <= -extreme);
    }
}
