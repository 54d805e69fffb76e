//! POSIX's form of a time zone (POSIX.1, Environment Variables, TZ).

use crate::calendar::{DAY, first_day, year_of};

/// POSIX's form: the same changes each year.  Offsets are seconds that local time is ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    standard: i32,
    daylight: Option<DaylightSaving>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DaylightSaving {
    offset: i32,
    start: Change,
    end: Change,
}

/// A day of the year, and the second of local time on it, which may be on another day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    day: Day,
    second: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// 1 to 365; the 29th of February has no number.
    Julian(i64),
    /// 0 to 365.
    OfYear(i64),
    /// Month, which one in it (5: the last), day of the week (0: Sunday).
    Weekday(i64, i64, i64),
}

/// Whether a value of TZ is of POSIX's form: a name and a number.  `NZ-CHAT` is a file.
pub(super) fn is_rule(value: &[u8]) -> bool {
    let mut rest = value;
    let name = take_name(&mut rest);
    matches!((name, rest), (b"UTC" | b"GMT", b"")) || !name.is_empty() && is_number(rest)
}

/// Whether digits follow, maybe after a sign.
fn is_number(text: &[u8]) -> bool {
    matches!(text, [b'+' | b'-', b'0'..=b'9', ..] | [b'0'..=b'9', ..])
}

/// Letters, or anything between angle brackets.
fn take_name<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let all = *text;
    if let Some(quoted) = all.strip_prefix(b"<") {
        let end = quoted.iter().position(|b| *b == b'>').unwrap_or(quoted.len());
        *text = quoted.get(end + 1..).unwrap_or_default();
        return quoted.get(..end).unwrap_or_default();
    }
    let end = all.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(all.len());
    let (name, rest) = all.split_at_checked(end).unwrap_or_default();
    *text = rest;
    name
}

fn take(text: &mut &[u8], byte: u8) -> bool {
    let rest = text.strip_prefix(&[byte]);
    *text = rest.unwrap_or(text);
    rest.is_some()
}

/// A number from `min` to `max`.
fn take_number(text: &mut &[u8], min: i32, max: i32) -> Option<i32> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    *text = rest;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    (min..=max).contains(&number).then_some(number)
}

/// Hours, minutes and seconds with a sign, as seconds.
fn take_time(text: &mut &[u8]) -> Option<i32> {
    let sign = if take(text, b'-') { -1 } else { 1 };
    if sign == 1 {
        take(text, b'+');
    }
    let mut seconds = take_number(text, 0, 167)? * 3600;
    for unit in [60, 1] {
        if !take(text, b':') {
            break;
        }
        seconds += take_number(text, 0, 59)? * unit;
    }
    Some(sign * seconds)
}

impl Change {
    fn take(text: &mut &[u8]) -> Option<Self> {
        let day = if take(text, b'M') {
            let month = take_number(text, 1, 12)?;
            take(text, b'.').then_some(())?;
            let week = take_number(text, 1, 5)?;
            take(text, b'.').then_some(())?;
            Day::Weekday(month.into(), week.into(), take_number(text, 0, 6)?.into())
        } else if take(text, b'J') {
            Day::Julian(take_number(text, 1, 365)?.into())
        } else {
            Day::OfYear(take_number(text, 0, 365)?.into())
        };
        let second = if take(text, b'/') { take_time(text)? } else { 7200 };
        Some(Self { day, second })
    }

    /// The local time of the change in a year, in seconds since 1970 began there.
    fn local(self, year: i64) -> i64 {
        let first = first_day(year, 1);
        let day = match self.day {
            Day::OfYear(n) => first + n,
            Day::Julian(n) => first + n - 1 + i64::from(n >= 60 && first_day(year, 3) - first == 60),
            Day::Weekday(month, week, day) => {
                let start = first_day(year, month);
                let end = if month == 12 { first_day(year + 1, 1) } else { first_day(year, month + 1) };
                // 1970 began on a Thursday.
                let at = start + (day - (start + 4)).rem_euclid(7) + 7 * (week - 1);
                if at < end { at } else { at - 7 }
            }
        };
        day.saturating_mul(DAY).saturating_add(self.second.into())
    }
}

impl Rule {
    /// What follows the form is ignored, as the C library does.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut text = text;
        let name = take_name(&mut text);
        let standard = match (name, is_number(text)) {
            (b"", _) => return None,
            (_, true) => -take_time(&mut text)?,
            // These two may come without a number.
            (b"UTC" | b"GMT", false) => 0,
            _ => return None,
        };
        if take_name(&mut text).is_empty() {
            return Some(Self { standard, daylight: None });
        }
        let offset = if is_number(text) { -take_time(&mut text)? } else { standard + 3600 };
        let mut days = if take(&mut text, b',') { text } else { b"M3.2.0,M11.1.0" };
        let start = Change::take(&mut days)?;
        take(&mut days, b',').then_some(())?;
        let end = Change::take(&mut days)?;
        Some(Self { standard, daylight: Some(DaylightSaving { offset, start, end }) })
    }

    pub(super) fn offset(&self, unix: i64) -> i64 {
        let standard = i64::from(self.standard);
        let Some(daylight) = self.daylight else { return standard };
        let offset = i64::from(daylight.offset);
        let start = |year| daylight.start.local(year).saturating_sub(standard);
        let end = |year| daylight.end.local(year).saturating_sub(offset);
        let year = year_of(unix.saturating_add(standard).div_euclid(DAY));
        // A change may fall into the year before or after its own.
        let mut years = year - 1..=year + 1;
        let is_daylight = if start(year) < end(year) {
            years.any(|year| (start(year)..end(year)).contains(&unix))
        } else {
            !years.any(|year| (end(year)..start(year)).contains(&unix))
        };
        if is_daylight { offset } else { standard }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::TIMES;
    use super::*;

    fn at(value: &str, unix: i64) -> i64 {
        Rule::parse(value.as_bytes()).unwrap().offset(unix)
    }

    const JANUARY: i64 = 1_704_163_930;
    const JULY: i64 = JANUARY + 182 * DAY;

    #[test]
    fn posix_forms() {
        for (value, january, july) in [
            ("UTC0", 0, 0),
            ("UTC", 0, 0),
            ("GMT+1", -3600, -3600),
            ("EST5", -18_000, -18_000),
            ("EST5EDT", -18_000, -14_400),
            ("EST5EDT,M3.2.0,M11.1.0", -18_000, -14_400),
            // An offset of daylight saving time that isn't an hour more than the other one.
            ("EST5EDT3:30", -18_000, -12_600),
            ("CET-1CEST-3,M3.5.0,M10.5.0/3", 3600, 10_800),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200),
            ("<-03>3", -10_800, -10_800),
            ("<+0530>-5:30:15", 19_815, 19_815),
            // The southern summer, and what Ireland's file says: winter time is the exception.
            ("NZST-12NZDT,M9.5.0,M4.1.0/3", 46_800, 43_200),
            ("IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3600),
            ("A0B,J60,J300", 0, 3600),
            ("A0B,0/0,365/167", 3600, 3600),
            ("A167", -601_200, -601_200),
            ("UTC+1 and more", -3600, -3600),
        ] {
            assert_eq!((at(value, JANUARY), at(value, JULY)), (january, july), "{value}");
        }
    }

    #[test]
    fn changes_come_to_the_second() {
        let (cet, cest, est, edt) = (3600, 7200, -18_000, -14_400);
        for (value, changes) in [
            // 2024-03-31 and 2024-10-27 at 01:00 UTC.
            ("CET-1CEST,M3.5.0,M10.5.0/3", [(1_711_846_800, cet, cest), (1_729_990_800, cest, cet)]),
            // 2024-03-10 07:00 and 2024-11-03 06:00 UTC.
            ("EST5EDT,M3.2.0,M11.1.0", [(1_710_054_000, est, edt), (1_730_613_600, edt, est)]),
            // December is the last month: 2024-12-01 00:00 and 2024-12-28 23:00 UTC, whose weeks begin on Sundays.
            ("A0B,M12.1.0/0,M12.5.0/-24", [(1_733_011_200, 0, 3600), (1_735_340_400, 3600, 0)]),
            // 2024 is a leap year: J60 is the 1st of March, 60 too, J59 the 28th of February, 59 the 29th.
            ("A0B,J60/0,60/1", [(1_709_251_200, 3600, 3600), (1_709_251_200, 3600, 3600)]),
            ("A0B,J59/0,59/1", [(1_709_078_400, 0, 3600), (1_709_164_800, 3600, 0)]),
            // 2023 isn't: J60 is the 1st of March, and 60 the 2nd.
            ("A0B,J60/0,60/1", [(1_677_628_800, 0, 3600), (1_677_715_200, 3600, 0)]),
            // The changes of the 1st of January and the 31st of December fall into the other year of UTC, or of local
            // time: 2023-12-31 23:00 and 2024-01-01 01:00 UTC.
            (
                "WART4WARST,J1/-3,J365/20",
                [(1_704_063_600, -10_800, -14_400), (1_704_070_800, -14_400, -10_800)],
            ),
            ("A-4B,J365/27,J1/5", [(1_704_063_600, 14_400, 18_000), (1_704_067_200, 18_000, 14_400)]),
        ] {
            for (change, before, after) in changes {
                assert_eq!(
                    (at(value, change - 1), at(value, change)),
                    (before, after),
                    "{value} at {change}"
                );
            }
        }
    }

    #[test]
    fn daylight_saving_time_may_last_all_year() {
        // 2023-12-30 00:00 and 2024-01-03 00:00 UTC.
        let hours = || (1_703_894_400..1_704_240_000).step_by(3600);
        for (value, offset) in [
            // RFC 8536, section 3.3.1.
            ("EST5EDT,0/0,J365/25", -14_400),
            ("XXX3EDT4,0/0,J365/23", -14_400),
            ("WART4WARST,J1/0,J365/25", -10_800),
            // Each year's is longer than the year.
            ("A0B,0/0,365/167", 3600),
        ] {
            let other = hours().find(|t| at(value, *t) != offset);
            assert_eq!(other, None, "{value}");
        }
    }

    #[test]
    fn a_year_may_end_in_daylight_saving_time() {
        // Until 2024-01-01 02:00 UTC, and from 2024-01-03 03:00 to the first Sunday of June 2024.
        for (value, change, before, after) in [
            ("A4B,J200,J365/23", 1_704_074_400, -10_800, -14_400),
            ("A0B,M12.5.0/75,M6.1.0", 1_704_250_800, 0, 3600),
        ] {
            assert_eq!((at(value, change - 1), at(value, change)), (before, after), "{value}");
            assert_eq!(at(value, change - 10 * 3600), before, "{value}");
        }
    }

    /// Whatever a value is, local time is within a week of UTC, and nothing overflows.
    #[test]
    fn local_time_is_within_a_week_of_utc_whatever_the_value() {
        let check = |value: &[u8]| {
            let Some(rule) = Rule::parse(value) else { return };
            for offset in TIMES.map(|t| rule.offset(t)) {
                assert!(offset.abs() < 8 * DAY, "{value:?}: {offset}");
            }
        };
        for value in ["EST5EDT4:30:15,M3.2.0/-1,J300/2:3:4", "<-03>3<-02>,0/0,365/167", "UTC-1X"] {
            for at in 0..value.len() {
                check(&value.as_bytes()[..at]);
                for byte in 0..=255 {
                    let mut other = value.as_bytes().to_vec();
                    other[at] = byte;
                    check(&other);
                    other.insert(at, byte);
                    check(&other);
                }
            }
        }
    }
}
