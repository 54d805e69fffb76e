//! Which lines are asked for.

use super::*;

#[test]
fn a_time_is_a_span_or_a_date() {
    let now = Tai64n::from_unix(1_700_000_000, 7);
    for (word, unix) in [
        ("90s", Some(1_699_999_910)),
        ("10m", Some(1_699_999_400)),
        ("2h", Some(1_699_992_800)),
        ("1d", Some(1_699_913_600)),
        ("2023-11-14T22:13:20Z", Some(1_700_000_000)),
        ("2023-11-14T23:13:20.5+01:00", Some(1_700_000_000)),
        ("2023-11-14 20:43:20-01:30", Some(1_700_000_000)),
        ("2023-11-14T22:13:20+25:00", None),
        ("2023-11-14", None),
        ("10", Some(1_699_999_990)),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(since(word.as_bytes(), now).map(Tai64n::unix_seconds), unix, "{word}");
    }
}
