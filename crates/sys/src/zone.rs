//! Time zones: how far local time is ahead of UTC at a moment.
//!
//! The C library's own functions trust their input: a file with wrong counts, or a rule with a month that doesn't
//! exist, makes them read anywhere, and a file that is cut short while it is in use ends the process.  Both a value of
//! TZ and a zone file may come from anybody, so they are read here; whatever isn't understood is UTC.
//!
//! A zone is named by TZ, else it is /etc/localtime:
//!
//! | TZ | what |
//! |---|---|
//! | `EST5EDT,M3.2.0,M11.1.0` | POSIX's form: name and offset, then those of summer time, and the days of change |
//! | `/FILE`, `./FILE` | that file |
//! | `Europe/Berlin` | a file in one of [`FOLDERS`]; no name that has a dot is looked for |
//! | empty, anything else | UTC |
//!
//! A colon in front means that what follows isn't of POSIX's form.
//!
//! A file has RFC 9636's form (TZif): a header of 44 bytes with six counts, a block with times of 32 bits; then, in
//! version 2 and later, both again with times of 64 bits, and POSIX's form between newlines for what comes after the
//! last transition.

use rustix::fs::{FileType, Mode, OFlags};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::OnceLock;

/// Where zones are looked for by name.
const FOLDERS: [&str; 3] = ["/usr/share/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo"];

/// Files of more bytes than this aren't zones.
const MOST: u64 = 1 << 20;

const DAY: i64 = 86_400;

/// The rules of a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    /// The offset before all transitions.
    first: i32,
    /// Unix times, ascending, and the offset from then on.
    transitions: Vec<(i64, i32)>,
    /// What holds after the last transition; without it, the last one's offset does.
    rule: Option<Rule>,
}

/// POSIX's form: what holds each year.  Offsets are seconds that local time is ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    standard: i32,
    summer: Option<Summer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Summer {
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

/// The zone of this process.
pub(crate) fn own() -> &'static Zone {
    static OWN: OnceLock<Zone> = OnceLock::new();
    OWN.get_or_init(|| Zone::named(std::env::var_os("TZ").map(OsStringExt::into_vec).as_deref()))
}

impl Zone {
    const UTC: Self = Self { first: 0, transitions: Vec::new(), rule: None };

    /// The zone that a value of TZ names.
    fn named(value: Option<&[u8]>) -> Self {
        let Some(value) = value else {
            return Self::of_file(Path::new("/etc/localtime")).unwrap_or(Self::UTC);
        };
        let name = match value.strip_prefix(b":") {
            Some(name) => name,
            None if is_rule(value) => {
                let rule = Rule::parse(value);
                return rule.map_or(Self::UTC, |rule| Self { rule: Some(rule), ..Self::UTC });
            }
            None => value,
        };
        let path = Path::new(OsStr::from_bytes(name));
        let found = match name {
            [] => None,
            [b'/' | b'.', ..] => Self::of_file(path),
            _ if name.contains(&b'.') => None,
            _ => FOLDERS.iter().find_map(|folder| Self::of_file(&Path::new(folder).join(path))),
        };
        found.unwrap_or(Self::UTC)
    }

    fn of_file(path: &Path) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = crate::fs::open(path, flags, Mode::empty()).ok()?;
        if !FileType::from_raw_mode(rustix::fs::fstat(&file).ok()?.st_mode).is_file() {
            return None;
        }
        let mut content = Vec::new();
        File::from(file).take(MOST).read_to_end(&mut content).ok()?;
        Self::parse(&content)
    }

    /// From a file's content.
    fn parse(file: &[u8]) -> Option<Self> {
        let counts = Counts::read(file)?;
        if *file.get(4)? < b'2' {
            let (zone, _) = counts.block(file.get(HEADER..)?, 4)?;
            return Some(zone);
        }
        let file = file.get(HEADER + counts.length(4)..)?;
        let (mut zone, rest) = Counts::read(file)?.block(file.get(HEADER..)?, 8)?;
        let footer = rest.strip_prefix(b"\n")?.strip_suffix(b"\n")?;
        if !footer.is_empty() {
            zone.rule = Some(Rule::parse(footer)?);
        }
        Some(zone)
    }

    /// How many seconds local time is ahead of UTC.
    pub(crate) fn offset(&self, unix: i64) -> i64 {
        let passed = self.transitions.partition_point(|(at, _)| *at <= unix);
        let offset = match (&self.rule, passed.checked_sub(1).and_then(|last| self.transitions.get(last))) {
            (Some(rule), _) if passed == self.transitions.len() => return rule.offset(unix),
            (_, Some((_, offset))) => *offset,
            (_, None) => self.first,
        };
        offset.into()
    }
}

const HEADER: usize = 44;

/// The counts of a header.
struct Counts {
    universal: usize,
    standard: usize,
    leaps: usize,
    times: usize,
    types: usize,
    characters: usize,
}

impl Counts {
    fn read(header: &[u8]) -> Option<Self> {
        header.strip_prefix(b"TZif")?;
        let (words, _) = header.get(20..HEADER)?.as_chunks::<4>();
        let mut counts = words.iter().map(|word| usize::try_from(u32::from_be_bytes(*word)).ok());
        // No file has more of anything; so their sum can't overflow either.
        let mut next = || counts.next().flatten().filter(|n| *n <= 1 << 20);
        Some(Self {
            universal: next()?,
            standard: next()?,
            leaps: next()?,
            times: next()?,
            types: next()?,
            characters: next()?,
        })
    }

    /// The length of the block, with times of so many bytes.
    fn length(&self, time: usize) -> usize {
        self.times * (time + 1)
            + self.types * 6
            + self.characters
            + self.leaps * (time + 4)
            + self.standard
            + self.universal
    }

    /// The zone that a block describes, and what comes after the block.
    fn block<'a>(&self, bytes: &'a [u8], time: usize) -> Option<(Zone, &'a [u8])> {
        let (block, rest) = bytes.split_at_checked(self.length(time))?;
        let (times, block) = block.split_at_checked(self.times * time)?;
        let (indexes, block) = block.split_at_checked(self.times)?;
        let (types, _) = block.get(..self.types * 6)?.as_chunks::<6>();
        let offset = |kind: &[u8; 6]| i32::from_be_bytes([kind[0], kind[1], kind[2], kind[3]]);
        let mut transitions = Vec::with_capacity(self.times);
        for (at, index) in times.chunks_exact(time).zip(indexes) {
            let at = match *at {
                [a, b, c, d] => i32::from_be_bytes([a, b, c, d]).into(),
                _ => i64::from_be_bytes(at.try_into().ok()?),
            };
            transitions.push((at, types.get(usize::from(*index)).map(offset)?));
        }
        transitions.is_sorted_by_key(|(at, _)| *at).then_some(())?;
        Some((Zone { first: types.first().map(offset)?, transitions, rule: None }, rest))
    }
}

/// Whether a value of TZ is of POSIX's form: a name and a number.  `NZ-CHAT` is a file.
fn is_rule(value: &[u8]) -> bool {
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

/// A number within bounds.
fn take_number(text: &mut &[u8], least: i32, most: i32) -> Option<i32> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    *text = rest;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    (least..=most).contains(&number).then_some(number)
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
    fn parse(text: &[u8]) -> Option<Self> {
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
            return Some(Self { standard, summer: None });
        }
        let offset = if is_number(text) { -take_time(&mut text)? } else { standard + 3600 };
        let mut days = if take(&mut text, b',') { text } else { b"M3.2.0,M11.1.0" };
        let start = Change::take(&mut days)?;
        take(&mut days, b',').then_some(())?;
        let end = Change::take(&mut days)?;
        Some(Self { standard, summer: Some(Summer { offset, start, end }) })
    }

    fn offset(&self, unix: i64) -> i64 {
        let standard = i64::from(self.standard);
        let Some(summer) = self.summer else { return standard };
        let offset = i64::from(summer.offset);
        let year = year_of(unix.saturating_add(standard).div_euclid(DAY));
        let start = summer.start.local(year).saturating_sub(standard);
        let end = summer.end.local(year).saturating_sub(offset);
        let is_summer =
            if start < end { (start..end).contains(&unix) } else { !(end..start).contains(&unix) };
        if is_summer { offset } else { standard }
    }
}

/// The days between 1970 and the first of a month of 1 to 12.
fn first_day(year: i64, month: i64) -> i64 {
    // Years are counted from March: the leap day is their last one.
    let year = if month < 3 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

/// The year of a day.
fn year_of(day: i64) -> i64 {
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

    /// A zone with one transition between two types.
    fn zone() -> Vec<u8> {
        let header =
            |counts: [u32; 6]| [&b"TZif2"[..], &[0; 15], &counts.map(u32::to_be_bytes).concat()].concat();
        let types = [0, 0, 0, 0, 0, 0, 0, 0, 14, 16, 1, 4];
        let block = [&[0; 8][..], &[1], &types, b"UTC\0CET\0", &[0, 0]].concat();
        [header([0; 6]), header([1, 1, 0, 1, 2, 8]), block, b"\nCET-1\n".to_vec()].concat()
    }

    fn at(value: &str, unix: i64) -> i64 {
        Zone::named(Some(value.as_bytes())).offset(unix)
    }

    const JANUARY: i64 = 1_704_163_930;
    const JULY: i64 = JANUARY + 182 * DAY;
    const TIMES: [i64; 9] = [i64::MIN, -1 << 40, -1, 0, JANUARY, JULY, 1 << 33, 1 << 50, i64::MAX];

    #[test]
    fn a_file_says_what_holds_when() {
        let zone = Zone::parse(&zone()).unwrap();
        assert_eq!([-1, 0, 1].map(|t| zone.offset(t)), [0, 3600, 3600]);
        // Version 1: times of 32 bits, and nothing after them.
        let counts = [0, 0, 0, 1, 1, 1].map(u32::to_be_bytes).concat();
        let old =
            [&b"TZif\0"[..], &[0; 15], &counts, &[0, 0, 0, 5], &[0], &[0, 0, 0, 60, 0, 0], &[0]].concat();
        assert_eq!(Zone::parse(&old).unwrap().offset(7), 60);
    }

    #[test]
    fn a_damaged_file_is_refused_or_harmless() {
        let whole = zone();
        for length in 0..whole.len() {
            assert_eq!(Zone::parse(&whole[..length]), None, "{length}");
        }
        for at in 0..whole.len() {
            for byte in 0..=255 {
                let mut bad = whole.clone();
                bad[at] = byte;
                if let Some(zone) = Zone::parse(&bad) {
                    assert!(TIMES.iter().all(|t| zone.offset(*t).abs() <= 1 << 31));
                }
            }
        }
        // Each count, the transition's type, the footer.
        for (at, byte) in
            [(23, 1), (43, 1), (64, 200), (68, 1), (76, 200), (80, 1), (84, 9), (96, 2), (119, b'x')]
        {
            let mut bad = whole.clone();
            bad[at] = byte;
            assert_eq!(Zone::parse(&bad), None, "{at}");
        }
    }

    #[test]
    fn posix_forms() {
        for (value, january, july) in [
            ("UTC0", 0, 0),
            ("UTC", 0, 0),
            ("GMT+1", -3600, -3600),
            ("EST5", -18_000, -18_000),
            ("EST5EDT", -18_000, -14_400),
            ("EST5EDT,M3.2.0,M11.1.0", -18_000, -14_400),
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
        for (value, changes) in [
            // 2024-03-31 and 2024-10-27 at 01:00 UTC.
            ("CET-1CEST,M3.5.0,M10.5.0/3", [1_711_846_800, 1_729_990_800]),
            // 2024-03-10 07:00 and 2024-11-03 06:00 UTC.
            ("EST5EDT,M3.2.0,M11.1.0", [1_710_054_000, 1_730_613_600]),
            // 2024 is a leap year: J60 is the 1st of March, 60 too, J59 the 28th of February, 59 the 29th.
            ("A0B,J60/0,60/1", [1_709_251_200, 1_709_251_200]),
            ("A0B,J59/0,59/1", [1_709_078_400, 1_709_164_800]),
        ] {
            let before_and_after = changes.map(|t| (at(value, t - 1), at(value, t)));
            assert!(before_and_after.iter().all(|(a, b)| a != b || changes[0] == changes[1]), "{value}");
        }
    }

    #[test]
    fn hostile_values_are_utc() {
        let long = "1".repeat(100_000);
        let nested = format!("./{}", "a/".repeat(5000));
        for value in [
            "",
            ":",
            ":/",
            "/",
            ".",
            "..",
            "../../etc/passwd",
            ":../../etc/passwd",
            "/etc/passwd",
            "/dev/zero",
            "/dev/tty",
            "/proc/self/mem",
            "Europe/../../../etc/passwd",
            "Europe/Berlin/",
            "nowhere/at/all",
            "A0B,M99999999.1.0,M1.1.0",
            "A0B,M13.1.0,M1.1.0",
            "A0B,M0.1.0,M1.1.0",
            "A0B,M1.6.0,M1.1.0",
            "A0B,M1.1.7,M1.1.0",
            "A0B,M",
            "A0B,M1",
            "A0B,M1.",
            "A0B,",
            "A0B,J0,J1",
            "A0B,J366,J1",
            "A0B,366,1",
            "A0B,J1",
            "A0B,J1/168,J2",
            "A168",
            "A99999999999",
            "A-99999999999999999999",
            "A+",
            "A-",
            "A5:60",
            "A5:0:60",
            "A5:-1",
            "UTC+",
            "UTC99999999999",
            "\u{1}5",
            "<",
            "<>",
            "<>5",
            "<A",
            "5",
            "-5",
            "+",
            ":UTC+5",
            &long,
            &nested,
        ] {
            for time in TIMES {
                assert_eq!(at(value, time), 0, "{value:.40}");
            }
        }
    }

    /// Whatever a value is, local time is within a week of UTC, and nothing overflows.
    #[test]
    fn no_value_leads_astray() {
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

    #[test]
    fn the_calendar() {
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

    #[test]
    fn files_that_are_no_zones_are_none() {
        for file in ["/nonexistent", "/etc/passwd", "/", "/dev/zero"] {
            assert_eq!(Zone::of_file(Path::new(file)), None, "{file}");
        }
    }
}
