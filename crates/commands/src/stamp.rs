//! Pure: the stamps that loggers put before lines.

use wire::calendar::parse;
use wire::tai::Tai64n;
use wire::zone::Zone;

/// The stamp at the start of a line, TAI64N or ISO 8601 of this zone, whether the line is a further piece, and its text.
pub(crate) fn read<'a>(line: &'a [u8], zone: &Zone) -> (Option<Tai64n>, bool, &'a [u8]) {
    if let Some(time) = Tai64n::from_label(line).filter(|time| time.seconds >> 63 == 0) {
        match line.get(time.label().len()..).and_then(<[u8]>::split_first) {
            Some((b' ', text)) => return (Some(time), false, text),
            Some((b'+', text)) => return (Some(time), true, text),
            None => return (Some(time), false, b""),
            Some(_) => {}
        }
    }
    if let Some((date, nanos, rest)) = parse(line)
        && let Some(text) = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" "))
    {
        return (Some(Tai64n::from_unix(zone.unix(date), nanos)), false, text);
    }
    (None, false, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(line: &[u8]) -> (Option<i64>, bool, String) {
        let (time, continues, text) = read(line, &Zone::UTC);
        (time.map(Tai64n::unix_seconds), continues, String::from_utf8_lossy(text).into_owned())
    }

    #[test]
    fn stamps_are_read() {
        for (line, expected) in [
            (&b"@400000006553f12500001388 a b"[..], (Some(1_700_000_000), false, "a b")),
            (b"@400000006553f12500001388+more", (Some(1_700_000_000), true, "more")),
            (b"@400000006553f12500001388", (Some(1_700_000_000), false, "")),
            (b"@400000006553f12500001388x", (None, false, "@400000006553f12500001388x")),
            (b"@ffffffff6553f12500001388 x", (None, false, "@ffffffff6553f12500001388 x")),
            (b"@400000006553f125ffffffff x", (None, false, "@400000006553f125ffffffff x")),
            (b"2023-11-14 22:13:20.000005000  a", (Some(1_700_000_000), false, "a")),
            (b"2023-11-14 22:13:20.000005000 a", (Some(1_700_000_000), false, "a")),
            (b"2023-13-14 22:13:20.0  a", (None, false, "2023-13-14 22:13:20.0  a")),
            (b"2023-11-14", (None, false, "2023-11-14")),
            (b"", (None, false, "")),
            (b"\xff\0", (None, false, "\u{fffd}\0")),
        ] {
            let (unix, continues, text) = expected;
            assert_eq!(stamped(line), (unix, continues, text.to_owned()));
        }
    }
}
