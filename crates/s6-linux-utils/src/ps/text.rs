//! Formats values: times, percentages, start times, and words, which may come from any program.

use wire::calendar::DateTime;

/// Clock ticks per second, USER_HZ of the kernel, the same on all supported architectures.
pub(crate) const TICKS_PER_SECOND: u64 = 100;

/// The length of a clock tick in nanoseconds.
pub(crate) const NANOS_PER_TICK: i128 = 10_000_000;

/// Formats a duration: `03.25s`, `02m03s`, `01h02m03s`, `4d01h02m03s`.
pub(crate) fn duration(ticks: u64) -> String {
    let seconds = ticks / TICKS_PER_SECOND;
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    let rest = seconds % 60;
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest:02}.{:02}s", ticks % TICKS_PER_SECOND * 100 / TICKS_PER_SECOND),
        (0, 0, _) => format!("{minutes:02}m{rest:02}s"),
        (0, ..) => format!("{hours:02}h{minutes:02}m{rest:02}s"),
        _ => format!("{days}d{hours:02}h{minutes:02}m{rest:02}s"),
    }
}

/// A part of a whole in percent, with two decimals.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part) * 10000 / u128::from(whole.max(1));
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Formats a start time: the time if it is today, day and time within this year or the last months of the previous
/// year, otherwise the date.
pub(crate) fn start(then: &DateTime, now: &DateTime) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let months = |at: &DateTime| i64::from(at.year) * 12 + i64::from(at.month);
    if (then.year, then.month, then.day) == (now.year, now.month, now.day) {
        return format!("{:02}:{:02}:{:02}", then.hour, then.minute, then.second);
    }
    if then.year == now.year || (0..9).contains(&(months(now) - months(then))) {
        let month = MONTHS.get(usize::from(then.month.saturating_sub(1))).copied().unwrap_or("???");
        return format!("{month}{:02} {:02}:{:02}", then.day, then.hour, then.minute);
    }
    format!("{:04}-{:02}-{:02}", then.year, then.month, then.day)
}

/// Joins words, each ended by a NUL byte, to one line without control characters.
pub(crate) fn line(words: &[u8]) -> Vec<u8> {
    let end = words.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    let shown = |b: &u8| match b {
        0 => b' ',
        control if control.is_ascii_control() => b'?',
        other => *other,
    };
    words.iter().take(end).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration(0), "00.00s");
        assert_eq!(duration(5999), "59.99s");
        assert_eq!(duration(6000), "01m00s");
        assert_eq!(duration(360_000), "01h00m00s");
        assert_eq!(duration(10 * 8_640_000 + 6100), "10d00h01m01s");
    }

    #[test]
    fn percentages() {
        assert_eq!(percent(1, 3), "33.33");
        assert_eq!(percent(3, 2), "150.00");
        assert_eq!(percent(0, 0), "0.00");
        assert_eq!(percent(u64::MAX, 1), "1844674407370955161500.00");
    }

    #[test]
    fn starts() {
        let at = |year, month, day| DateTime { year, month, day, hour: 1, minute: 2, second: 3 };
        let now = at(2026, 2, 3);
        assert_eq!(start(&at(2026, 2, 3), &now), "01:02:03");
        assert_eq!(start(&at(2026, 1, 3), &now), "Jan03 01:02");
        assert_eq!(start(&at(2025, 6, 30), &now), "Jun30 01:02");
        assert_eq!(start(&at(2025, 5, 31), &now), "2025-05-31");
        assert_eq!(start(&at(2024, 12, 31), &now), "2024-12-31");
    }

    #[test]
    fn words() {
        assert_eq!(line(b"a\0b c\0\0"), b"a b c");
        assert_eq!(line(b"a\0\0b\x1b[1m\n"), b"a  b?[1m?");
        assert_eq!(line(b"\0\0"), b"");
    }
}
