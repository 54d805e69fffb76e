//! Time zones: how far local time is ahead of UTC at a moment.
//!
//! The C library's own functions trust their input: a file with wrong counts, or a rule with a month that doesn't
//! exist, makes them read anywhere, and a file that is cut short while it is in use ends the process.  Both a value of
//! TZ and a zone file are hostile input, so they are read here; what is malformed is UTC.
//!
//! | TZ | what |
//! |---|---|
//! | `EST5EDT,M3.2.0,M11.1.0` | POSIX's form ([`rule`]): name and offset, then those of daylight saving time, and the days of change |
//! | `/FILE`, `./FILE` | that file, of the form TZif ([`tzif`]) |
//! | `Europe/Berlin` | a file in one of [`FOLDERS`]; a name that has a dot is no file |
//! | empty, anything else | UTC |
//!
//! A colon in front means that what follows isn't of POSIX's form.

mod rule;
mod tzif;

use crate::calendar::DateTime;
use rule::Rule;

/// The folders of zone files.
pub const FOLDERS: [&[u8]; 3] = [b"/usr/share/zoneinfo", b"/share/zoneinfo", b"/etc/zoneinfo"];

/// The limit of a zone file in bytes.
pub const FILE_LIMIT: u64 = 1 << 20;

/// The rules of a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The offset before all transitions.
    initial: i32,
    /// Unix times, ascending, and the offset from then on.
    transitions: Vec<(i64, i32)>,
    /// The rule after the last transition; without it, the last transition's offset stays.
    rule: Option<Rule>,
}

/// What a value of TZ names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named<'a> {
    /// A zone that the value itself describes.
    Zone(Zone),
    /// A file.
    File(&'a [u8]),
    /// A file in one of [`FOLDERS`].
    InFolders(&'a [u8]),
}

/// What a value of TZ names.
#[must_use]
pub fn named(value: &[u8]) -> Named<'_> {
    let name = match value.strip_prefix(b":") {
        Some(name) => name,
        None if rule::is_rule(value) => {
            let rule = Rule::parse(value);
            return Named::Zone(rule.map_or(Zone::UTC, |rule| Zone { rule: Some(rule), ..Zone::UTC }));
        }
        None => value,
    };
    match name {
        [] => Named::Zone(Zone::UTC),
        [b'/' | b'.', ..] => Named::File(name),
        _ if name.contains(&b'.') => Named::Zone(Zone::UTC),
        _ => Named::InFolders(name),
    }
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self { initial: 0, transitions: Vec::new(), rule: None };

    /// Seconds that local time is ahead of UTC.
    #[must_use]
    pub fn offset(&self, unix: i64) -> i64 {
        let passed = self.transitions.partition_point(|(at, _)| *at <= unix);
        let offset = match (&self.rule, passed.checked_sub(1).and_then(|last| self.transitions.get(last))) {
            (Some(rule), _) if passed == self.transitions.len() => return rule.offset(unix),
            (_, Some((_, offset))) => *offset,
            (_, None) => self.initial,
        };
        offset.into()
    }

    /// Unix time of a local date; of a time that exists twice, one of both.
    #[must_use]
    pub fn unix(&self, date: DateTime) -> i64 {
        let as_utc = date.unix();
        let near = as_utc.saturating_sub(self.offset(as_utc));
        as_utc.saturating_sub(self.offset(near))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const TIMES: [i64; 9] =
        [i64::MIN, -1 << 40, -1, 0, 1_704_163_930, 1_719_888_730, 1 << 33, 1 << 50, i64::MAX];

    fn shape(value: &str) -> String {
        let show = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        match named(value.as_bytes()) {
            Named::Zone(zone) if zone == Zone::UTC => String::from("UTC"),
            Named::Zone(zone) => format!("{} s", zone.offset(0)),
            Named::File(name) => format!("file {}", show(name)),
            Named::InFolders(name) => format!("name {}", show(name)),
        }
    }

    #[test]
    fn a_local_date_leads_back_to_its_moment() {
        for value in ["UTC0", "XYZ-14", "CET-1CEST,M3.5.0,M10.5.0/3"] {
            let Named::Zone(zone) = named(value.as_bytes()) else { panic!("{value}") };
            for unix in [0, 1_704_163_930, 1_719_888_730, 1_711_846_800, 1_729_987_199] {
                let local = crate::calendar::utc(unix + zone.offset(unix)).unwrap();
                assert_eq!(zone.unix(local), unix, "{value}");
            }
        }
    }

    #[test]
    fn what_a_value_names() {
        for (value, expected) in [
            ("", "UTC"),
            (":", "UTC"),
            ("/etc/zone", "file /etc/zone"),
            (":/etc/zone", "file /etc/zone"),
            ("./zone", "file ./zone"),
            ("../../etc/passwd", "file ../../etc/passwd"),
            ("Europe/Berlin", "name Europe/Berlin"),
            (":Europe/Berlin", "name Europe/Berlin"),
            ("Europe/../../../etc/passwd", "UTC"),
            ("NZ-CHAT", "name NZ-CHAT"),
            (":UTC+5", "name UTC+5"),
            ("CET-1", "3600 s"),
            ("<-03>3", "-10800 s"),
        ] {
            assert_eq!(shape(value), expected, "{value}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!(FILE_LIMIT, 1_048_576);
        let folders = FOLDERS.map(|folder| std::str::from_utf8(folder).unwrap());
        assert_eq!(folders, ["/usr/share/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo"]);
    }

    #[test]
    fn a_malformed_rule_is_utc() {
        let long = format!("A{}", "1".repeat(100_000));
        for value in [
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
            "A5:60",
            "A5:0:60",
            "A5:-1",
            "UTC99999999999",
            &long,
        ] {
            assert_eq!(shape(value), "UTC", "{value:.40}");
        }
    }
}
