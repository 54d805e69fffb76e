//! What the filters share: the word at the start of each line is looked up, and the lines are printed in their order.
//!
//! Look-ups run concurrently in this process.  At most `-l` lines are in memory; a line longer than a mebibyte is an
//! error.  A line that doesn't begin with such a word is all remainder.

use crate::exchange::{Exchange, Pool, concurrency_limit};
use crate::failure::Failure;
use crate::line_format::{LineFormat, Values};
use crate::look_up::TIMEOUT;
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

pub(crate) const LINES: Opt =
    Opt::value('l', "maxlines", "keep at most maxlines lines in memory; default 256");
pub(crate) const CONNECTIONS: Opt =
    Opt::value('c', "maxconn", "look up at most maxconn words at once; default 128");
pub(crate) const NORMAL: Opt = Opt::value(
    'f',
    "normalfmt",
    "the format of lines: %s word, %d result, %w%r remainder; default %s=%d%w%r",
);
pub(crate) const ERROR: Opt =
    Opt::value('e', "errorfmt", "the format of lines whose look-up failed: %e error; default %s=<%e>%w%r");

/// The options of the filters that look up names.
pub(crate) const OPTIONS: &[Opt] = &[LINES, CONNECTIONS, TIMEOUT, NORMAL, ERROR];

/// The limit of a line: 1 MiB.
const MAX_LINE: usize = 1 << 20;

/// A word at the start of a line.
pub(crate) struct Word {
    /// Its length in bytes.
    pub(crate) length: usize,
    /// The name to look up; `None` if the word can't be a name.
    pub(crate) name: Option<Name>,
}

/// The domain name at the start of a line: everything before the first blank.
pub(crate) fn name_at_start(line: &[u8]) -> Option<Word> {
    let length = line.iter().position(|b| matches!(b, b' ' | b'\t' | b'\r')).unwrap_or(line.len());
    let word = line.get(..length).filter(|word| !word.is_empty())?;
    Some(Word { length, name: Name::from_text(word) })
}

/// The address at the start of a line, followed by anything that can't be part of an address.
pub(crate) fn address_at_start(line: &[u8], is_wanted: impl Fn(&IpAddr) -> bool) -> Option<Word> {
    let parse = |length: usize| {
        let word = line.get(..length)?;
        let ip = crate::resolv_conf::address(word).filter(&is_wanted)?;
        Some(Word { length, name: Some(Name::reverse(ip)) })
    };
    let run = |belongs: fn(&u8) -> bool| line.iter().take(46).take_while(|b| belongs(b)).count();
    let long = run(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
    let short = run(|b| b.is_ascii_digit() || *b == b'.');
    // A colon or a dot after an address is punctuation.
    let bare = |length: usize| match line.get(..length)?.split_last()? {
        (b':' | b'.', before) => parse(before.len()),
        _ => None,
    };
    [long, short].into_iter().find_map(|length| parse(length).or_else(|| bare(length)))
}

/// A line that is not printed yet.
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

/// The main function of a filter, which looks up records of a type for the word that `find` returns.
pub(crate) fn run(
    call: &Call,
    options: &Options,
    rtype: Type,
    find: impl Fn(&[u8]) -> Option<Word>,
) -> Outcome {
    let (connections, lines) = limits(options)?;
    let timeout = options.number::<u32>('t')?;
    let connections = connections.min(concurrency_limit());
    let conf = ResolvConf::read(&call.env, &|text| call.warn(text))?;
    let (normal, error) = (format(options, 'f')?, format(options, 'e')?);
    let mut filter = Filter { normal, error, slots: VecDeque::new(), first: 0 };
    let (mut pool, mut out, mut input) = (Pool::new(), Out::new(), Lines::default());
    loop {
        // Printing a line makes room for another.
        while filter.slots.len() < lines
            && pool.len() < connections
            && let Some(line) = input.next()?
        {
            let (word, state) = match find(&line) {
                None => (0, State::Plain),
                Some(Word { length, name: None }) => (length, State::Done(Err(Failure::NameTooLong))),
                Some(Word { length, name: Some(name) }) => {
                    let question = Question { name, rtype, recursive: true };
                    let query = Query::new(question, conf.servers(), true).with_schedule(conf.schedule);
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
        for (number, exchange, outcome) in done {
            let found = outcome.and_then(|message| exchange.query().question().data(&message));
            filter.finish(number, found);
        }
        filter.print(&mut out)?;
    }
}

/// The format of lines: `f` for those with a result, `e` for those whose look-up failed.
fn format(options: &Options, letter: char) -> Result<LineFormat, Fatal> {
    let default: &[u8] = if letter == 'f' { b"%s=%d%w%r" } else { b"%s=<%e>%w%r" };
    let text = options.get(letter).unwrap_or(default);
    LineFormat::new(text).ok_or_else(|| {
        Fatal::new(111, format_args!("-{letter}: only %s %d %e %w %r and %% may stand in a format"))
    })
}

/// How many look-ups run at once, and how many lines are in memory.
fn limits(options: &Options) -> Result<(usize, usize), Fatal> {
    let connections = usize::from(options.number::<u16>('c')?.unwrap_or(128).max(1));
    let lines = usize::from(options.number::<u16>('l')?.unwrap_or(256)).max(connections);
    Ok((connections, lines))
}

impl Filter {
    /// Records the first result for a line.
    fn finish(&mut self, number: u64, found: Result<Vec<Data>, Failure>) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(slot) = at.and_then(|at| self.slots.get_mut(at)) {
            let first = found.map(|data| data.first().map(Data::text).unwrap_or_default());
            slot.state = State::Done(first);
        }
    }

    /// Prints the completed lines, up to the first that isn't.
    fn print(&mut self, out: &mut Out) -> Result<(), Fatal> {
        while let Some(slot) = self.slots.front() {
            let (word, rest) = slot.line.split_at(slot.word.min(slot.line.len()));
            let values = Values { word, rest, ..Values::default() };
            out.put(&match &slot.state {
                State::Waiting => return Ok(()),
                State::Plain => self.normal.line(values),
                State::Done(Ok(found)) => self.normal.line(Values { found, ..values }),
                State::Done(Err(failure)) => {
                    self.error.line(Values { error: failure.text().as_bytes(), ..values })
                }
            })?;
            self.slots.pop_front();
            self.first += 1;
        }
        Ok(())
    }
}

/// The lines of standard input, which is read when poll(2) reports it ready.
#[derive(Default)]
struct Lines {
    buf: Vec<u8>,
    start: usize,
    number: u64,
    at_end: bool,
}

impl Lines {
    /// The next complete line, without its newline; at the end of the input, the rest.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Fatal> {
        let unread = self.buf.get(self.start..).unwrap_or_default();
        let end = unread.iter().position(|b| *b == b'\n');
        if end.unwrap_or(unread.len()) > MAX_LINE {
            return Err(Fatal::new(
                111,
                format_args!("line {} has more than {MAX_LINE} bytes", self.number + 1),
            ));
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
    fn the_limits_of_look_ups_and_lines() {
        let limits = |words: &str| {
            let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
            limits(&Options::take(OPTIONS, &mut args).unwrap()).map_err(|e| e.code())
        };
        assert_eq!(limits(""), Ok((128, 256)));
        assert_eq!(limits("-c 10 -l 20"), Ok((10, 20)));
        assert_eq!(limits("-c 300"), Ok((300, 300)));
        assert_eq!(limits("-c 0"), Ok((1, 256)));
        assert_eq!(limits("-l x"), Err(100));
        assert_eq!(MAX_LINE, 1024 * 1024);
    }

    #[test]
    fn the_formats_of_lines() {
        let format = |letter, words: &str| {
            let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
            let format = format(&Options::take(OPTIONS, &mut args).unwrap(), letter).map_err(|e| e.code())?;
            let values = Values { word: b"w", found: b"f", error: b"e", rest: b"\tr" };
            Ok(String::from_utf8(format.line(values)).unwrap())
        };
        assert_eq!(format('f', ""), Ok("w=f\tr\n".into()));
        assert_eq!(format('e', ""), Ok("w=<e>\tr\n".into()));
        assert_eq!(format('e', "-e %e"), Ok("e\n".into()));
        assert_eq!(format('f', "-f %x"), Err(111));
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
        let mut long = Lines { buf: vec![b'x'; MAX_LINE + 1], ..Lines::default() };
        assert_eq!(long.next().unwrap_err().code(), 111);
    }
}
