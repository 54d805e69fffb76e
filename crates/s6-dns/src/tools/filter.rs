//! What the filters share: lines come in, the word at the start of each is looked up, lines go out in the same order.
//!
//! Look-ups run side by side in this process.  At most `-l` lines are in memory; a line of more than a mebibyte is an
//! error.  A line without such a word is all remainder.

use super::TIMEOUT;
use crate::exchange::{Exchange, Pool, room};
use crate::failure::Failure;
use crate::line_format::{Known, LineFormat};
use crate::message::Question;
use crate::name::Name;
use crate::query::Query;
use crate::record::{Data, Type};
use crate::resolv_conf::ResolvConf;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::net::IpAddr;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Out, Outcome, clock};

pub(super) const LINES: Opt = Opt::value('l', "maxlines", "keep so many lines in memory, default 256");
pub(super) const CONNECTIONS: Opt = Opt::value('c', "maxconn", "look up so many words at once, default 128");
pub(super) const NORMAL: Opt =
    Opt::value('f', "normalfmt", "print lines so: %s word, %d result, %w%r remainder; default %s=%d%w%r");
pub(super) const ERROR: Opt =
    Opt::value('e', "errorfmt", "print lines of failed look-ups so: %e error; default %s=<%e>%w%r");

/// The options of the filters that look up names.
pub(super) const OPTIONS: &[Opt] = &[LINES, CONNECTIONS, TIMEOUT, NORMAL, ERROR];

/// The longest line.
const MOST: usize = 1 << 20;

/// A word at the start of a line.
pub(super) struct Word {
    /// How much of the line it is.
    pub(super) length: usize,
    /// What to look up for it; `None` if it can't be a name.
    pub(super) name: Option<Name>,
}

/// The domain name at the start of a line: what stands before the first blank.
pub(super) fn name_at_start(line: &[u8]) -> Option<Word> {
    let length = line.iter().position(|b| matches!(b, b' ' | b'\t' | b'\r')).unwrap_or(line.len());
    let word = line.get(..length).filter(|word| !word.is_empty())?;
    Some(Word { length, name: Name::from_text(word) })
}

/// The address at the start of a line; it may be followed by anything that doesn't belong to one.
pub(super) fn address_at_start(line: &[u8], is_wanted: impl Fn(&IpAddr) -> bool) -> Option<Word> {
    let parse = |length: usize| {
        let word = line.get(..length)?;
        let ip = crate::resolv_conf::address(word).filter(&is_wanted)?;
        Some(Word { length, name: Some(Name::reverse(ip)) })
    };
    let run = |belongs: fn(&u8) -> bool| line.iter().take(46).take_while(|b| belongs(b)).count();
    let long = run(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
    let short = run(|b| b.is_ascii_digit() || *b == b'.');
    // A colon or a dot behind an address belongs to the sentence around it.
    let bare = |length: usize| match line.get(..length)?.split_last()? {
        (b':' | b'.', before) => parse(before.len()),
        _ => None,
    };
    [long, short].into_iter().find_map(|length| parse(length).or_else(|| bare(length)))
}

/// A line that waits for its turn.
struct Slot {
    line: Vec<u8>,
    word: usize,
    state: State,
}

enum State {
    Waiting,
    Plain,
    Done(Result<Vec<u8>, Failure>),
}

struct Filter {
    normal: LineFormat,
    error: LineFormat,
    slots: VecDeque<Slot>,
    /// The number of the first line in `slots`.
    first: u64,
}

/// The whole of a filter that looks up records of a type for the word that `find` gives.
pub(super) fn run(
    call: &Call,
    options: &Options,
    rtype: Type,
    find: impl Fn(&[u8]) -> Option<Word>,
) -> Outcome {
    let format = |letter, default: &[u8]| {
        let text = options.get(letter).unwrap_or(default);
        LineFormat::new(text).ok_or_else(|| {
            Fatal::new(111, format!("-{letter}: only %s %d %e %w %r and %% may stand in a format"))
        })
    };
    let connections = usize::from(options.number::<u16>('c')?.unwrap_or(128).max(1));
    let lines = usize::from(options.number::<u16>('l')?.unwrap_or(256)).max(connections);
    let timeout = options.number::<u32>('t')?;
    let connections = connections.min(room());
    let conf = ResolvConf::read(&call.env)?;
    let (normal, error) = (format('f', b"%s=%d%w%r")?, format('e', b"%s=<%e>%w%r")?);
    let mut filter = Filter { normal, error, slots: VecDeque::new(), first: 0 };
    let (mut pool, mut out, mut input) = (Pool::new(), Out::new(), Lines::default());
    loop {
        // What is printed makes room for more.
        while filter.slots.len() < lines
            && pool.len() < connections
            && let Some(line) = input.next()?
        {
            let (word, state) = match find(&line) {
                None => (0, State::Plain),
                Some(Word { length, name: None }) => (length, State::Done(Err(Failure::NameTooLong))),
                Some(Word { length, name: Some(name) }) => {
                    let query = Query::new(Question { name, rtype, recursive: true }, conf.servers(), true);
                    let number = filter.first + filter.slots.len() as u64;
                    pool.push(number, Exchange::new(query, clock::deadline(timeout), &mut |_| {}));
                    (length, State::Waiting)
                }
            };
            filter.slots.push_back(Slot { line, word, state });
            filter.print(&mut out)?;
        }
        let may_read = !input.at_end && filter.slots.len() < lines && pool.len() < connections;
        out.flush()?;
        if !may_read && pool.is_empty() {
            return Ok(Next::SUCCESS);
        }
        let stdin = may_read.then(|| PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN));
        let ([is_readable], done) = pool.wait([stdin], None).or_unable(|| "poll")?;
        if is_readable {
            input.fill()?;
        }
        for (number, exchange, end) in done {
            let found = end.and_then(|message| exchange.query().question().data(&message));
            filter.finish(number, found);
        }
        filter.print(&mut out)?;
    }
}

impl Filter {
    /// Notes the first of what was found.
    fn finish(&mut self, number: u64, found: Result<Vec<Data>, Failure>) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(slot) = at.and_then(|at| self.slots.get_mut(at)) {
            let first = found.map(|data| data.first().map(Data::text).unwrap_or_default());
            slot.state = State::Done(first);
        }
    }

    /// Prints the lines that are done, up to the first one that isn't.
    fn print(&mut self, out: &mut Out) -> Result<(), Fatal> {
        while let Some(slot) = self.slots.front() {
            let (word, rest) = slot.line.split_at(slot.word.min(slot.line.len()));
            let known = Known { word, rest, ..Known::default() };
            out.put(&match &slot.state {
                State::Waiting => return Ok(()),
                State::Plain => self.normal.line(known),
                State::Done(Ok(found)) => self.normal.line(Known { found, ..known }),
                State::Done(Err(failure)) => {
                    self.error.line(Known { why: failure.text().as_bytes(), ..known })
                }
            })?;
            self.slots.pop_front();
            self.first += 1;
        }
        Ok(())
    }
}

/// The lines of standard input, which is read when poll(2) says so.
#[derive(Default)]
struct Lines {
    buf: Vec<u8>,
    start: usize,
    number: u64,
    at_end: bool,
}

impl Lines {
    /// The next line without its newline, if it is whole; at the end of the input, what is left.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Fatal> {
        let unread = self.buf.get(self.start..).unwrap_or_default();
        let end = unread.iter().position(|b| *b == b'\n');
        if end.unwrap_or(unread.len()) > MOST {
            return Err(Fatal::new(111, format!("line {} has more than {MOST} bytes", self.number + 1)));
        }
        let Some(length) = end.or_else(|| (self.at_end && !unread.is_empty()).then_some(unread.len())) else {
            self.buf.drain(..self.start);
            self.start = 0;
            return Ok(None);
        };
        let line = unread.get(..length).unwrap_or_default().to_vec();
        self.start = (self.start + length + 1).min(self.buf.len());
        self.number += 1;
        Ok(Some(line))
    }

    fn fill(&mut self) -> Result<(), Fatal> {
        let mut chunk = [0; 16_384];
        match rustix::io::read(rustix::stdio::stdin(), &mut chunk[..]) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            got => match got.or_unable(|| "read standard input")? {
                0 => self.at_end = true,
                n => self.buf.extend_from_slice(chunk.get(..n).unwrap_or_default()),
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let word = |line: &str| name_at_start(line.as_bytes()).map(|w| (w.length, w.name.is_some()));
        assert_eq!(word("a.b c"), Some((3, true)));
        assert_eq!(word("a.b"), Some((3, true)));
        assert_eq!(word(""), None);
        assert_eq!(word(" a.b"), None);
        assert_eq!(word(&"x".repeat(64)), Some((64, false)));
    }

    #[test]
    fn addresses() {
        let word = |line: &str| address_at_start(line.as_bytes(), |_| true).map(|w| w.length);
        assert_eq!(word("10.0.0.1 x"), Some(8));
        assert_eq!(word("10.0.0.1:80"), Some(8));
        assert_eq!(word("10.0.0.1."), Some(8));
        assert_eq!(word("10.0.0.1"), Some(8));
        assert_eq!(word("::1"), Some(3));
        assert_eq!(word("::1: x"), Some(3));
        assert_eq!(word("2001:db8::5]"), Some(11));
        assert_eq!(word("::ffff:10.0.0.1 x"), Some(15));
        for none in ["", "x", "10.0.0", "10.0.0.256", " 10.0.0.1", "no address here"] {
            assert_eq!(word(none), None, "{none}");
        }
        assert!(address_at_start(b"::1", IpAddr::is_ipv4).is_none());
    }

    #[test]
    fn lines_of_any_shape() {
        let mut input = Lines { buf: b"a\n\nb".to_vec(), ..Lines::default() };
        let mut next = |at_end| {
            input.at_end = at_end;
            input.next().unwrap().map(|line| String::from_utf8(line).unwrap())
        };
        assert_eq!(next(false).as_deref(), Some("a"));
        assert_eq!(next(false).as_deref(), Some(""));
        assert_eq!(next(false), None);
        assert_eq!(next(true).as_deref(), Some("b"));
        assert_eq!(next(true), None);
        let mut long = Lines { buf: vec![b'x'; MOST + 1], ..Lines::default() };
        assert_eq!(long.next().unwrap_err().code(), 111);
    }
}
