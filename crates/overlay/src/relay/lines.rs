//! Pure: lines of services as the relay passes them on, after the service's name or as JSON objects, and as it keeps them.
//!
//! Unless bytes are passed on as they are, an output line is at most [`LINE_MAX`] bytes long: a longer line is passed on in pieces.  So memory is bounded, and a
//! pipe takes each piece atomically, even if other processes write to it.  A last line without a newline gets one.

use super::format::Format;
use ipc::relay::Stream;
use std::fmt::Write;
use wire::calendar::{DateTime, utc};
use wire::tai::Tai64n;

/// The limit of an output line in bytes, newline included: PIPE_BUF, see pipe(7).
pub(crate) const LINE_MAX: usize = 4096;

/// The limit of what one byte becomes in a JSON string, in bytes.
const ESCAPE_MAX: usize = 6;

/// An upper bound for the rest of a line, in bytes: the time, the end of an object or of a prefix, the newline.
const FRAME_MAX: usize = 80;

/// The lines of one pipe.
#[derive(Debug)]
pub(crate) struct Lines {
    format: Format,
    /// The beginning of each line: the prefix, or the first members of the object.
    head: Vec<u8>,
    /// The limit of the text in an output line, in bytes.
    room: usize,
    /// The beginning of a line whose newline wasn't read yet.
    pending: Vec<u8>,
    /// Whether the next piece continues a line.
    continues_line: bool,
}

/// A time stamp as in RFC 3339, in UTC, with microseconds.
pub fn time(now: Tai64n) -> String {
    let date = utc(now.unix_seconds()).unwrap_or(DateTime::EPOCH);
    let DateTime { year, month, day, hour, minute, second } = date;
    let micros = now.nanos / 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Appends a text as the inside of a JSON string; bytes that aren't UTF-8 become U+FFFD.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(text);
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\t' => out.extend(b"\\t"),
            b'\r' => out.extend(b"\\r"),
            0..=0x1f | 0x7f => {
                let mut code = String::new();
                let _ = write!(code, "\\u{byte:04x}");
                out.extend(code.bytes());
            }
            _ => out.push(byte),
        }
    }
}

/// The length of a character in a JSON string, in bytes.
fn width(c: char) -> usize {
    match c {
        '"' | '\\' | '\t' | '\r' => 2,
        '\0'..='\x1f' | '\x7f' => ESCAPE_MAX,
        _ => c.len_utf8(),
    }
}

/// The length of the longest beginning of a text, up to the end of a character, that takes at most `room` bytes in a JSON
/// string.
fn fitting(text: &[u8], room: usize) -> usize {
    let (mut end, mut room) = (0_usize, room);
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid().chars().map(|c| (c.len_utf8(), width(c)));
        let damaged = Some((chunk.invalid().len(), char::REPLACEMENT_CHARACTER.len_utf8()));
        for (taken, written) in valid.chain(damaged.filter(|(taken, _)| *taken > 0)) {
            let Some(rest) = room.checked_sub(written) else { return end };
            (end, room) = (end.saturating_add(taken), rest);
        }
    }
    end
}

impl Lines {
    /// For a stream of a service.
    #[must_use]
    pub(crate) fn new(format: Format, service: &[u8], stream: Stream) -> Self {
        let mut head = Vec::new();
        match format {
            Format::Plain | Format::Kept => {}
            Format::Prefix => head.extend(tool::diag::shown(service).bytes()),
            Format::Json => {
                head.extend(b"\",\"service\":\"");
                escape(service, &mut head);
                head.extend(b"\",\"stream\":\"");
                head.extend(if stream == Stream::Output { b"stdout" } else { b"stderr" });
                head.extend(b"\",\"message\":\"");
            }
        }
        let room = LINE_MAX.saturating_sub(head.len()).saturating_sub(FRAME_MAX);
        Self { format, head, room, pending: Vec::new(), continues_line: false }
    }

    /// Takes bytes that were read at `now`, and appends the lines that are complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], now: Tai64n, out: &mut Vec<u8>) {
        let now = match self.format {
            Format::Plain => return out.extend_from_slice(bytes),
            Format::Prefix => String::new(),
            Format::Json => time(now),
            Format::Kept => String::from_utf8_lossy(&now.label()).into_owned(),
        };
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, more) = rest.split_at_checked(end).unwrap_or_default();
            rest = more.get(1..).unwrap_or_default();
            if self.pending.is_empty() {
                self.line(line, &now, out);
            } else {
                self.pending.extend_from_slice(line);
                let mut line = std::mem::take(&mut self.pending);
                self.line(&line, &now, out);
                line.clear();
                self.pending = line;
            }
        }
        self.pending.extend_from_slice(rest);
        if self.pending.len() > self.room {
            let text = std::mem::take(&mut self.pending);
            self.pending = self.pieces(&text, &now, out).to_vec();
        }
        self.pending.shrink_to(self.room);
    }

    /// Ends the last line, since the pipe has ended.
    pub(crate) fn end(&mut self, now: Tai64n, out: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            self.feed(b"\n", now, out);
        }
    }

    /// Appends a whole line.
    fn line(&mut self, text: &[u8], now: &str, out: &mut Vec<u8>) {
        let rest = self.pieces(text, now, out);
        self.piece(rest, now, false, out);
    }

    /// Appends all pieces of a text but the last, which it returns.
    fn pieces<'a>(&mut self, mut text: &'a [u8], now: &str, out: &mut Vec<u8>) -> &'a [u8] {
        while let Some((piece, rest)) = text.split_at_checked(self.fitting(text))
            && !rest.is_empty()
        {
            self.piece(piece, now, true, out);
            text = rest;
        }
        text
    }

    /// The length of the longest beginning of a text that fits into an output line.
    fn fitting(&self, text: &[u8]) -> usize {
        match self.format {
            // Most lines are so short that they needn't be measured.
            Format::Json if text.len() > self.room / ESCAPE_MAX => fitting(text, self.room),
            Format::Prefix | Format::Kept if text.len() > self.room => {
                let continues = |at: usize| text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
                let ends = self.room.saturating_sub(3)..=self.room;
                ends.rev().find(|at| !continues(*at)).unwrap_or(self.room)
            }
            Format::Json | Format::Prefix | Format::Kept | Format::Plain => text.len(),
        }
    }

    fn piece(&mut self, text: &[u8], now: &str, partial: bool, out: &mut Vec<u8>) {
        match self.format {
            Format::Plain => {}
            Format::Kept => {
                out.extend(now.bytes());
                out.push(if self.continues_line { b'+' } else { b' ' });
                out.extend_from_slice(text);
                out.push(b'\n');
            }
            Format::Prefix => {
                out.extend_from_slice(&self.head);
                out.extend(if self.continues_line { &b"+: "[..] } else { b": " });
                out.extend_from_slice(text);
                out.push(b'\n');
            }
            Format::Json => {
                out.extend(b"{\"time\":\"");
                out.extend(now.bytes());
                out.extend_from_slice(&self.head);
                escape(text, out);
                out.extend(if partial { &b"\",\"partial\":true}\n"[..] } else { b"\"}\n" });
            }
        }
        self.continues_line = partial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Tai64n = Tai64n { seconds: 0, nanos: 0 };

    fn at(unix: i64, nanos: u32) -> Tai64n {
        Tai64n::from_unix(unix, nanos)
    }

    fn passed(format: Format, reads: &[&[u8]]) -> String {
        let (mut lines, mut out) = (Lines::new(format, b"app", Stream::Error), Vec::new());
        for read in reads {
            lines.feed(read, at(1_700_000_000, 5_000), &mut out);
        }
        lines.end(at(1_700_000_001, 0), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn each_line_gets_the_name() {
        assert_eq!(passed(Format::Prefix, &[b"a\n\nb", b"c\nd"]), "app: a\napp: \napp: bc\napp: d\n");
        assert_eq!(passed(Format::Prefix, &[b"a\n"]), "app: a\n");
        assert_eq!(passed(Format::Prefix, &[]), "");
    }

    #[test]
    fn a_newline_in_a_name_does_not_end_the_line() {
        let (mut lines, mut out) = (Lines::new(Format::Prefix, b"a\nb", Stream::Output), Vec::new());
        lines.feed(b"x\n", NOW, &mut out);
        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
    }

    #[test]
    fn kept_lines_have_a_stamp_and_plain_ones_nothing() {
        let stamp = "@400000006553f12500001388";
        let after = "@400000006553f12600000000";
        assert_eq!(passed(Format::Kept, &[b"a\n\xff"]), format!("{stamp} a\n{after} \u{fffd}\n"));
        let long = passed(Format::Kept, &[&[b'x'; LINE_MAX]]);
        assert!(
            long.starts_with(&format!("{stamp} xx")) && long.contains(&format!("x\n{after}+xx")),
            "{long}"
        );
        assert_eq!(passed(Format::Plain, &[b"a\nb", b"\0c"]), "a\nb\0c");
    }

    #[test]
    fn an_object_has_time_service_stream_and_message() {
        assert_eq!(
            passed(Format::Json, &[b"say \"\\\t\x01\xff \xc3\xa9\n"]),
            "{\"time\":\"2023-11-14T22:13:20.000005Z\",\"service\":\"app\",\"stream\":\"stderr\",\
             \"message\":\"say \\\"\\\\\\t\\u0001\u{fffd} é\"}\n"
        );
    }

    #[test]
    fn a_long_line_is_passed_on_in_pieces_without_loss() {
        let text: Vec<u8> = "é".repeat(3 * LINE_MAX).into_bytes();
        for size in [1, 7, 1000, text.len()] {
            let (mut lines, mut out) = (Lines::new(Format::Prefix, b"a", Stream::Output), Vec::new());
            for read in text.chunks(size) {
                lines.feed(read, NOW, &mut out);
                assert!(
                    lines.pending.len() <= LINE_MAX && lines.pending.capacity() <= 2 * LINE_MAX,
                    "{size}"
                );
            }
            lines.feed(b"\nnext\n", NOW, &mut out);
            let out = String::from_utf8(out).unwrap();
            let mut all = out.lines();
            let first = all.next().and_then(|l| l.strip_prefix("a: ")).unwrap();
            let mut joined = first.to_owned();
            let mut last = "";
            for line in all {
                match line.strip_prefix("a+: ") {
                    Some(piece) => joined.push_str(piece),
                    None => last = line,
                }
            }
            assert_eq!((joined.as_bytes() == text, last), (true, "a: next"), "{size}");
        }
    }

    #[test]
    fn a_line_that_just_fits_is_not_partial() {
        let room = Lines::new(Format::Json, b"app", Stream::Error).room;
        let line = "x".repeat(room);
        assert_eq!(passed(Format::Json, &[line.as_bytes(), b"\n"]).matches("partial").count(), 0);
        let line = "x".repeat(room + 1);
        let text = passed(Format::Json, &[line.as_bytes()]);
        assert_eq!((text.lines().count(), text.matches("\"partial\":true").count()), (2, 1));
    }

    #[test]
    fn no_output_line_is_longer_than_a_pipe_takes_atomically() {
        let name = [1; 255];
        let noise: Vec<u8> = (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for text in [&[0; 50_000][..], &[0xff; 50_000], &[0xc3; 50_000], &[b'"'; 50_000], &noise] {
            for (format, size) in
                [(Format::Json, 65536), (Format::Json, 5), (Format::Prefix, 1000), (Format::Kept, 1000)]
            {
                let (mut lines, mut out) = (Lines::new(format, &name, Stream::Error), Vec::new());
                text.chunks(size).for_each(|read| lines.feed(read, NOW, &mut out));
                lines.end(NOW, &mut out);
                assert!(out.split_inclusive(|b| *b == b'\n').all(|line| line.len() <= LINE_MAX));
                assert!(out.ends_with(b"\n"));
            }
        }
    }
}
