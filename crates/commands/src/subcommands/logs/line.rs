//! Pure: lines of log files, and how they are printed.

use crate::json::Json;
use overlay::relay::time;
use std::fmt::Write;
use tool::local_time::local;
use wire::calendar::DateTime;
use wire::tai::Tai64n;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its place among the lines of all logs: its time, or that of what was before it.
    pub(super) key: Tai64n,
    /// Its stamp, if it has one.
    pub(super) time: Option<Tai64n>,
    /// What was logged.
    pub(super) text: Vec<u8>,
    /// Whether this is a further piece of a long line.
    pub(super) continues: bool,
}

/// How lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `NAME: TIME TEXT`, byte for byte.
    Text,
    /// The same for a terminal: only colours reach it.
    Terminal,
    /// An object a line.
    Json,
}

/// Appends a line of a service as it is printed.
pub(super) fn print(format: Format, service: &[u8], line: &Line, out: &mut Vec<u8>) {
    if format == Format::Json {
        let mut json = Json::new(b'{');
        json.text("time", line.time.map(time).as_ref().map(String::as_bytes));
        json.text("service", Some(service));
        json.text("message", Some(&line.text));
        if line.continues {
            json.truth("continues", true);
        }
        out.extend(json.finish(b'}'));
        out.push(b'\n');
        return;
    }
    out.extend(tool::diag::shown(service).bytes());
    out.extend(if line.continues { &b"+: "[..] } else { b": " });
    if let Some(at) = line.time {
        out.extend(shown(at).bytes());
    }
    match format {
        Format::Terminal => harmless(&line.text, out),
        Format::Text | Format::Json => out.extend_from_slice(&line.text),
    }
    out.push(b'\n');
}

/// A moment in local time with milliseconds, and a blank.
fn shown(at: Tai64n) -> String {
    let DateTime { year, month, day, hour, minute, second } =
        local(at.unix_seconds()).unwrap_or(DateTime::EPOCH);
    let millis = at.nanos / 1_000_000;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03} ")
}

/// Appends a text for a terminal: control characters are escaped, but for tabs and what sets colours.
fn harmless(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let colour = after.strip_prefix(b"[").and_then(|codes| {
            let end = codes.iter().position(|b| !b.is_ascii_digit() && *b != b';')?;
            (codes.get(end) == Some(&b'm')).then_some(end.saturating_add(2))
        });
        match (byte, colour) {
            (0x1b, Some(length)) => {
                let (sequence, after) = after.split_at_checked(length).unwrap_or_default();
                out.push(*byte);
                out.extend_from_slice(sequence);
                rest = after;
            }
            (b'\t' | b' '..=b'~' | 0x80.., _) => out.push(*byte),
            _ => {
                let mut code = String::new();
                let _ = write!(code, "\\x{byte:02x}");
                out.extend(code.bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_they_are_printed() {
        let mut out = Vec::new();
        let time = Some(Tai64n::from_unix(1_700_000_000, 5_000));
        let line = |time, text: &[u8], continues| Line {
            key: Tai64n::default(),
            time,
            text: text.to_vec(),
            continues,
        };
        let red = b"\x1b[1;31mred\x1b[0m \x1b[2J\x07\t\xc3\xa9\xff";
        for format in [Format::Text, Format::Terminal, Format::Json] {
            print(format, b"web", &line(None, red, false), &mut out);
            print(format, b"a\nb", &line(None, b"more", true), &mut out);
        }
        print(Format::Json, b"web", &line(time, b"say \"x\"", false), &mut out);
        insta::assert_snapshot!(String::from_utf8_lossy(&out).replace('\x1b', "ESC").replace('\x07', "BEL"));
        assert_eq!(shown(Tai64n::from_unix(0, 7_999_999)).split_once('.').map(|(_, m)| m), Some("007 "));
    }
}
