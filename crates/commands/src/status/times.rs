//! Pure: spans and moments as text.

use overlay::relay::time;
use std::time::Duration;
use wire::number;
use wire::tai::Tai64n;

/// A span for people: `40 ms`, `4.1 s`, `3 h 12 min`.
pub fn span(span: Duration) -> String {
    /// Two units, the second one being `size` of `s`; the second isn't said if it is zero.
    fn two(s: u64, [big, small]: [u64; 2], names: [&str; 2]) -> String {
        let count = s.checked_div(big).unwrap_or_default();
        let rest = s.checked_rem(big).and_then(|rest| rest.checked_div(small)).unwrap_or_default();
        let head = format!("{count} {}", names[0]);
        if rest == 0 { head } else { format!("{head} {rest} {}", names[1]) }
    }
    let (s, tenth) = (span.as_secs(), span.subsec_millis() / 100);
    match s {
        0 => format!("{} ms", span.as_millis()),
        1..10 if tenth > 0 => format!("{s}.{tenth} s"),
        1..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..86_400 => two(s, [3600, 60], ["h", "min"]),
        _ => two(s, [86_400, 3600], ["d", "h"]),
    }
}

/// A moment by RFC 3339, in UTC.
pub fn moment(unix: Duration) -> String {
    let seconds = i64::try_from(unix.as_secs()).unwrap_or(i64::MAX);
    time(Tai64n::from_unix(seconds, unix.subsec_nanos()))
}

/// The span that a word such as `90`, `10m`, `2h` or `500ms` means: seconds without a unit.
pub(crate) fn parse_span(word: &[u8]) -> Option<Duration> {
    let seconds = || number::decimal::<u64>(word)?.checked_mul(1000);
    number::milliseconds(word).or_else(seconds).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_at_most_two_units() {
        for (ms, expected) in [
            (0, "0 ms"),
            (40, "40 ms"),
            (1000, "1 s"),
            (4100, "4.1 s"),
            (9999, "9.9 s"),
            (12_900, "12 s"),
            (60_000, "1 min"),
            (3_599_000, "59 min"),
            (3_600_000, "1 h"),
            (11_520_000, "3 h 12 min"),
            (86_400_000, "1 d"),
            (183_600_000, "2 d 3 h"),
        ] {
            assert_eq!(span(Duration::from_millis(ms)), expected, "{ms}");
        }
    }

    #[test]
    fn moments_are_of_utc() {
        assert_eq!(moment(Duration::from_millis(1_795_974_360_123)), "2026-11-29T17:46:00.123000Z");
        assert_eq!(moment(Duration::MAX), "1970-01-01T00:00:00.999999Z", "what no calendar has");
    }

    #[test]
    fn words_for_spans() {
        let ms = |word: &str| parse_span(word.as_bytes()).map(|span| span.as_millis());
        assert_eq!(
            (ms("90"), ms("10m"), ms("2h"), ms("500ms")),
            (Some(90_000), Some(600_000), Some(7_200_000), Some(500))
        );
        assert_eq!((ms("1d"), ms("5min"), ms("7s")), (Some(86_400_000), Some(300_000), Some(7000)));
        assert_eq!(
            (ms(""), ms("m"), ms("1x"), ms("99999999999999999999"), ms("18446744073709551615d")),
            (None, None, None, None, None)
        );
    }
}
