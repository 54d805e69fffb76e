//! Time stamps as they are printed.

use sys::clock::DateTime;
use wire::tai::Tai64n;

/// Length of [`iso`] for years of four digits.
pub(crate) const ISO: usize = 29;

/// `YYYY-MM-DD HH:MM:SS.NNNNNNNNN`.
pub(crate) fn iso(date: DateTime, nanos: u32) -> Vec<u8> {
    let DateTime { year, month, day, hour, minute, second } = date;
    let mut text = Vec::with_capacity(ISO);
    text.extend(
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{nanos:09}").bytes(),
    );
    text
}

/// The stamps of one moment; the local date is only looked up when the second has changed.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    known: Option<(i64, DateTime)>,
}

impl Clock {
    /// The ISO 8601 form of a moment, in local time; as UTC where that can't be told.
    pub(crate) fn iso(&mut self, now: Tai64n) -> Vec<u8> {
        let unix = now.unix_seconds();
        let date = match self.known {
            Some((second, date)) if second == unix => date,
            _ => {
                let epoch = DateTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
                let date = sys::clock::local(unix).or_else(|_| sys::clock::utc(unix)).unwrap_or(epoch);
                self.known = Some((unix, date));
                date
            }
        };
        iso(date, now.nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_padded() {
        let date = DateTime { year: 2024, month: 1, day: 2, hour: 3, minute: 4, second: 5 };
        assert_eq!(iso(date, 6), b"2024-01-02 03:04:05.000000006");
        assert_eq!(iso(date, 0).len(), ISO);
    }
}
