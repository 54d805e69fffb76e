//! Lines of services as the relay passes them on: with the service's name in front, or as JSON objects.  Pure.
//!
//! What comes out is at most [`LINE_MAX`] bytes long: a longer line is passed on in pieces.  So memory is bounded, and a
//! pipe takes each piece whole, whatever else writes to it.  A last line without newline gets one.

use super::format::Format;
use ipc::relay::Stream;
use std::fmt::Write;
use wire::calendar::{DateTime, utc};
use wire::tai::Tai64n;

/// The most bytes of what is passed on as one line, newline included: PIPE_BUF, see pipe(7).
pub(crate) const LINE_MAX: usize = 4096;

/// The most that one byte becomes in a JSON string.
const ESCAPED: usize = 6;

/// More than what else belongs to a line: the time, the end of an object or of a prefix, the newline.
const AROUND: usize = 80;

/// The lines of one pipe.
#[derive(Debug)]
pub(crate) struct Lines {
    format: Format,
    /// What each line begins with: the prefix, or members of the object.
    head: Vec<u8>,
    /// The most bytes that the text of a line may come to in what is passed on.
    room: usize,
    /// The line that has no end yet.
    pending: Vec<u8>,
    /// It is the rest of a line whose beginning was passed on.
    goes_on: bool,
}

/// A moment as in RFC 3339, UTC, in microseconds.
fn time(now: Tai64n) -> String {
    let date = utc(now.unix_seconds()).unwrap_or(DateTime::EPOCH);
    let DateTime { year, month, day, hour, minute, second } = date;
    let micros = now.nanos / 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Appends what stands between the quotes of a JSON string; bytes that are no UTF-8 become U+FFFD.
fn escape(text: &[u8], out: &mut Vec<u8>) {
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

/// How many bytes a character comes to between the quotes of a JSON string.
fn width(c: char) -> usize {
    match c {
        '"' | '\\' | '\t' | '\r' => 2,
        '\0'..='\x1f' | '\x7f' => ESCAPED,
        _ => c.len_utf8(),
    }
}

/// How many bytes at the beginning come to at most `room` between the quotes of a JSON string, up to a character's end.
fn fitting(text: &[u8], room: usize) -> usize {
    let (mut end, mut left) = (0_usize, room);
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid().chars().map(|c| (c.len_utf8(), width(c)));
        let damaged = Some((chunk.invalid().len(), char::REPLACEMENT_CHARACTER.len_utf8()));
        for (taken, written) in valid.chain(damaged.filter(|(taken, _)| *taken > 0)) {
            let Some(rest) = left.checked_sub(written) else { return end };
            (end, left) = (end.saturating_add(taken), rest);
        }
    }
    end
}

impl Lines {
    /// Of this service's stream.
    #[must_use]
    pub(crate) fn new(format: Format, service: &[u8], stream: Stream) -> Self {
        let mut head = Vec::new();
        match format {
            Format::Prefix => head.extend(tool::diag::show(service).bytes()),
            Format::Json => {
                head.extend(b"\",\"service\":\"");
                escape(service, &mut head);
                head.extend(b"\",\"stream\":\"");
                head.extend(if stream == Stream::Output { b"stdout" } else { b"stderr" });
                head.extend(b"\",\"message\":\"");
            }
        }
        let room = LINE_MAX.saturating_sub(head.len()).saturating_sub(AROUND);
        Self { format, head, room, pending: Vec::new(), goes_on: false }
    }

    /// Takes bytes that were read at a moment, and appends the lines that are whole.
    pub(crate) fn feed(&mut self, bytes: &[u8], now: Tai64n, out: &mut Vec<u8>) {
        let now = if self.format == Format::Json { time(now) } else { String::new() };
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

    /// The pipe has ended: so does the line.
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

    /// Appends pieces while there is more than one; gives what is left.
    fn pieces<'a>(&mut self, mut text: &'a [u8], now: &str, out: &mut Vec<u8>) -> &'a [u8] {
        while let Some((piece, rest)) = text.split_at_checked(self.fitting(text))
            && !rest.is_empty()
        {
            self.piece(piece, now, true, out);
            text = rest;
        }
        text
    }

    /// How much of a text can be passed on at once.
    fn fitting(&self, text: &[u8]) -> usize {
        match self.format {
            // Most lines are far from the bound.
            Format::Json if text.len() > self.room / ESCAPED => fitting(text, self.room),
            Format::Prefix if text.len() > self.room => {
                let continues = |at: usize| text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
                let ends = self.room.saturating_sub(3)..=self.room;
                ends.rev().find(|at| !continues(*at)).unwrap_or(self.room)
            }
            Format::Json | Format::Prefix => text.len(),
        }
    }

    fn piece(&mut self, text: &[u8], now: &str, partial: bool, out: &mut Vec<u8>) {
        match self.format {
            Format::Prefix => {
                out.extend_from_slice(&self.head);
                out.extend(if self.goes_on { &b"+: "[..] } else { b": " });
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
        self.goes_on = partial;
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
    fn names_are_one_line() {
        let (mut lines, mut out) = (Lines::new(Format::Prefix, b"a\nb", Stream::Output), Vec::new());
        lines.feed(b"x\n", NOW, &mut out);
        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
    }

    #[test]
    fn objects_say_when_who_and_where() {
        assert_eq!(
            passed(Format::Json, &[b"say \"\\\t\x01\xff \xc3\xa9\n"]),
            "{\"time\":\"2023-11-14T22:13:20.000005Z\",\"service\":\"app\",\"stream\":\"stderr\",\
             \"message\":\"say \\\"\\\\\\t\\u0001\u{fffd} é\"}\n"
        );
    }

    #[test]
    fn long_lines_come_in_pieces_and_nothing_is_lost() {
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
    fn a_line_of_just_a_piece_is_whole() {
        let room = Lines::new(Format::Json, b"app", Stream::Error).room;
        let line = "x".repeat(room);
        assert_eq!(passed(Format::Json, &[line.as_bytes(), b"\n"]).matches("partial").count(), 0);
        let line = "x".repeat(room + 1);
        let text = passed(Format::Json, &[line.as_bytes()]);
        assert_eq!((text.lines().count(), text.matches("\"partial\":true").count()), (2, 1));
    }

    #[test]
    fn whatever_is_said_comes_out_in_lines_that_a_pipe_takes_whole() {
        let name = [1; 255];
        let noise: Vec<u8> = (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for text in [&[0; 50_000][..], &[0xff; 50_000], &[0xc3; 50_000], &[b'"'; 50_000], &noise] {
            for (format, size) in [(Format::Json, 65536), (Format::Json, 5), (Format::Prefix, 1000)] {
                let (mut lines, mut out) = (Lines::new(format, &name, Stream::Error), Vec::new());
                text.chunks(size).for_each(|read| lines.feed(read, NOW, &mut out));
                lines.end(NOW, &mut out);
                assert!(out.split_inclusive(|b| *b == b'\n').all(|line| line.len() <= LINE_MAX));
                assert!(out.ends_with(b"\n"));
            }
        }
    }
}
