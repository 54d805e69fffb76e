//! Lines out of what was read.
//!
//! A line ends with a newline or a NUL byte.  One that is longer than the limit comes in pieces.

use posix_regex::bytes::find_either;

/// What was read and has not been taken yet.
#[derive(Debug)]
pub struct Lines {
    buf: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// The end of what was read.
    end: usize,
    /// Up to here there is no end of a line.
    scanned: usize,
    /// The longest line; 0: no limit.
    limit: usize,
}

/// A line in what was read.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The line, without its end.
    pub(crate) text: &'a [u8],
    /// The line and its newline; a NUL byte that ended it has become one.
    pub(crate) ended: Option<&'a [u8]>,
    /// All of what was read.
    pub(crate) read: &'a [u8],
    /// Where in that it begins.
    pub(crate) at: usize,
}

impl<'a> Line<'a> {
    /// A line that is nowhere else.
    #[cfg(test)]
    pub fn alone(text: &'a [u8]) -> Self {
        Self { text, ended: None, read: text, at: 0 }
    }
}

/// How much is read at once.
const CHUNK: usize = 128 * 1024;

impl Lines {
    /// Lines that are split at `limit` bytes; 0: never.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { buf: Vec::new(), start: 0, end: 0, scanned: 0, limit }
    }

    /// Room for reading.
    pub fn room(&mut self) -> &mut [u8] {
        self.buf.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.scanned = self.scanned.saturating_sub(self.start);
        self.start = 0;
        if self.buf.len() < self.end + CHUNK {
            self.buf.resize(self.end + CHUNK, 0);
        }
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// So many bytes were read into the room.
    pub fn filled(&mut self, n: usize) {
        self.end = (self.end + n).min(self.buf.len());
    }

    /// Whether there is the beginning of a line.
    pub fn has_partial(&self) -> bool {
        self.start < self.end
    }

    /// What was read; [`Lines::room`] moves it.
    pub fn read(&self) -> &[u8] {
        &self.buf
    }

    /// The next line; `None` if there is no whole one.
    pub fn next(&mut self) -> Option<Line<'_>> {
        let from = self.scanned.max(self.start);
        let found = find_either(self.buf.get(from..self.end).unwrap_or_default(), b'\n', 0).map(|i| from + i);
        self.scanned = found.unwrap_or(self.end);
        let (at, mut end) = (self.start, self.scanned);
        let mut ended = None;
        if self.limit > 0 && end - at > self.limit {
            end = at + self.limit;
            self.start = end;
        } else {
            *self.buf.get_mut(found?)? = b'\n';
            self.start = end + 1;
            ended = self.buf.get(at..self.start);
        }
        Some(Line { text: self.buf.get(at..end)?, ended, read: &self.buf, at })
    }

    /// The line that has no end.
    pub fn last(&mut self) -> Option<Line<'_>> {
        let at = std::mem::replace(&mut self.start, self.end);
        let text = self.buf.get(at..self.end).filter(|line| !line.is_empty())?;
        Some(Line { text, ended: None, read: &self.buf, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(limit: usize, reads: &[&str]) -> Vec<String> {
        let mut lines = Lines::new(limit);
        let mut found = Vec::new();
        for read in reads {
            lines.room()[..read.len()].copy_from_slice(read.as_bytes());
            lines.filled(read.len());
            while let Some(line) = lines.next() {
                found.push(String::from_utf8_lossy(line.text).into_owned());
                let end = line.ended.map(|all| all.strip_prefix(line.text).unwrap());
                assert!(end.is_none_or(|end| end == b"\n"));
            }
        }
        found.extend(lines.last().map(|l| format!("{}…", String::from_utf8_lossy(l.text))));
        found
    }

    #[test]
    fn lines_across_reads() {
        assert_eq!(all(0, &["a\nb", "c", "\n\n", "d"]), ["a", "bc", "", "d…"]);
        assert_eq!(all(0, &["a\0b\n"]), ["a", "b"]);
        assert!(all(0, &[]).is_empty());
    }

    #[test]
    fn what_no_newline_has_ended_is_the_beginning_of_a_line() {
        let mut lines = Lines::new(0);
        assert!(!lines.has_partial());
        for (read, partial) in [("a\nb", true), ("c\n", false), ("d", true)] {
            lines.room()[..read.len()].copy_from_slice(read.as_bytes());
            lines.filled(read.len());
            while lines.next().is_some() {}
            assert_eq!(lines.has_partial(), partial, "after {read:?}");
        }
    }

    #[test]
    fn room_is_kept_for_a_whole_read() {
        let mut lines = Lines::new(0);
        for _ in 0..3 {
            assert_eq!(lines.room().len(), CHUNK);
            lines.filled(CHUNK / 2);
        }
        assert!(lines.room().len() >= CHUNK);
    }

    #[test]
    fn long_lines_come_in_pieces() {
        assert_eq!(all(4, &["abcdefghij\nx\n"]), ["abcd", "efgh", "ij", "x"]);
        assert_eq!(all(4, &["abcd", "\n", "abcde", "f\n"]), ["abcd", "abcd", "ef"]);
        assert_eq!(all(4, &["abcdefgh"]), ["abcd", "efgh…"]);
    }
}
