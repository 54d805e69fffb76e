//! A line of `ready` or `live`.

use super::address::{address, http, port};
use crate::restart_policy::value::{Value, no_shell};
use crate::restart_policy::word::{Mistake, Word, add_words, check_count, rest_of_line, wrong};
use posix_regex::Regex;
use tool::diag::show;
use wire::number::decimal;
use wire::probes::{Kind, Probe};

/// The descriptors that a daemon may say at that it is ready: those that aren't its input and output.
const DESCRIPTORS: std::ops::RangeInclusive<u32> = 3..=999;

/// The longest path of a socket, in bytes: unix(7).
const SOCKET_PATH_MAX: usize = 107;

/// Which file a line stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `ready`.
    Ready,
    /// `live`.
    Live,
}

impl Place {
    /// The file's name.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Live => "live",
        }
    }
}

/// What a line gives.
#[derive(Debug)]
pub enum Line {
    /// A probe.
    Probe(Probe),
    /// The longest time between two signs of life, in milliseconds.
    Watchdog(u32),
}

/// The words that a line may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Listen,
    Tcp,
    Unix,
    Http,
    File,
    Log,
    Exec,
    Notify,
    Fd,
    Watchdog,
}

/// What is known of such a word.
struct Row {
    name: &'static str,
    asks: Asks,
    /// The only file in which it may stand, if there is one.
    only: Option<Place>,
    /// How many words follow: at least, and at most.
    counts: (usize, usize),
    usage: &'static str,
}

/// So many words as there are.
const MANY: usize = usize::MAX;

const fn row(
    name: &'static str,
    asks: Asks,
    only: Option<Place>,
    counts: (usize, usize),
    usage: &'static str,
) -> Row {
    Row { name, asks, only, counts, usage }
}

static ROWS: [Row; 10] = [
    row(
        "listen",
        Asks::Listen,
        None,
        (1, 1),
        "write listen 8080, or an address in numbers: listen 127.0.0.1:8080",
    ),
    row(
        "tcp",
        Asks::Tcp,
        None,
        (1, 1),
        "write an address in numbers, or localhost, and a port: tcp 127.0.0.1:5432",
    ),
    row(
        "unix",
        Asks::Unix,
        None,
        (1, 1),
        "write the whole path of a socket, of 107 bytes at most: unix /run/app.sock",
    ),
    row(
        "http",
        Asks::Http,
        None,
        (1, MANY),
        "write http http://127.0.0.1:8080/healthz, with an address in numbers or localhost, then perhaps 200-399 and \
         header \"Name: value\"",
    ),
    row("file", Asks::File, Some(Place::Ready), (1, 1), "write the whole path of a file: file /run/app.up"),
    row(
        "log",
        Asks::Log,
        Some(Place::Ready),
        (1, MANY),
        "write an expression that a line matches: log ready to accept",
    ),
    row(
        "exec",
        Asks::Exec,
        None,
        (1, MANY),
        "write a program and its arguments: exec /usr/local/bin/check --quick",
    ),
    row("notify", Asks::Notify, Some(Place::Ready), (0, 0), "write notify alone"),
    row("fd", Asks::Fd, Some(Place::Ready), (1, 1), "write the descriptor that the daemon writes to: fd 3"),
    row(
        "watchdog",
        Asks::Watchdog,
        Some(Place::Live),
        (1, 1),
        "write a number of milliseconds: watchdog 30000",
    ),
];

/// What a line gives; `None` for an empty one and a comment.
///
/// # Errors
/// The mistake in it.
pub(super) fn parse(number: u32, content: &[u8], place: Place) -> Value<Option<Line>> {
    let mut words = Vec::new();
    add_words(number, content, &mut words)?;
    let Some((first, rest)) = words.split_first().filter(|(first, _)| !first.text.starts_with(b"#")) else {
        return Ok(None);
    };
    let Some(row) = ROWS.iter().find(|row| row.name.as_bytes() == first.text) else {
        return Err(unknown(first, place));
    };
    if row.only.is_some_and(|only| only != place) {
        let text = format!("{} can't stand in {}", row.name, place.file());
        return Err(Mistake::at(first, text, possible(place)));
    }
    check_count(first, rest, row.counts, row.usage)?;
    if let Some(word) = rest.iter().find(|word| word.text.contains(&0)) {
        return Err(wrong(word, row.name, row.usage));
    }
    let text = match (row.asks, rest.first()) {
        (Asks::Log, Some(word)) => [b"log ", rest_of_line(word, content)].concat(),
        _ => words.iter().map(|word| word.text).collect::<Vec<_>>().join(&b' '),
    };
    line(row, rest, content).map(|line| {
        Some(match line {
            Line::Probe(probe) => Line::Probe(Probe { text, ..probe }),
            watchdog => watchdog,
        })
    })
}

/// What a line of this word gives, by the words behind it; its text is still empty.
fn line(row: &Row, rest: &[Word<'_>], content: &[u8]) -> Value<Line> {
    let kind = match (row.asks, rest.first()) {
        (Asks::Exec, _) => {
            no_shell(rest)?;
            Some(Kind::Exec(rest.iter().map(|word| word.text.to_vec()).collect()))
        }
        (Asks::Http, _) => Some(Kind::Http(http(rest, content, row.usage)?)),
        (Asks::Log, Some(word)) => Some(log(word, content)?),
        (Asks::Watchdog, Some(word)) => match decimal(word.text).filter(|time| *time > 0) {
            Some(time) => return Ok(Line::Watchdog(time)),
            None => None,
        },
        (_, None) => Some(Kind::Notify),
        (asks, Some(word)) => one(asks, word.text),
    };
    match (kind, rest.first()) {
        (None, Some(word)) => Err(wrong(word, row.name, row.usage)),
        (kind, _) => Ok(Line::Probe(Probe { text: Vec::new(), kind: kind.unwrap_or(Kind::Notify) })),
    }
}

/// What is asked by one word behind this one.
fn one(asks: Asks, text: &[u8]) -> Option<Kind> {
    match asks {
        Asks::Listen => match port(text) {
            Some(port) => Some(Kind::Listen(None, port)),
            None => {
                let address = address(text, None)?;
                let ip = Some(address.ip()).filter(|ip| !ip.is_unspecified());
                Some(Kind::Listen(ip, address.port()))
            }
        },
        Asks::Tcp => address(text, None).map(Kind::Tcp),
        Asks::Unix => {
            (text.starts_with(b"/") && text.len() <= SOCKET_PATH_MAX).then(|| Kind::Unix(text.to_vec()))
        }
        Asks::File => (text.starts_with(b"/") && !text.ends_with(b"/")).then(|| Kind::File(text.to_vec())),
        Asks::Fd => decimal(text).filter(|number| DESCRIPTORS.contains(number)).map(Kind::Fd),
        _ => None,
    }
}

fn log(word: &Word<'_>, content: &[u8]) -> Value<Kind> {
    let expression = rest_of_line(word, content);
    match Regex::extended(expression) {
        Ok(_) => Ok(Kind::Log(expression.to_vec())),
        Err(why) => {
            let text = format!("not an extended regular expression: {why}");
            Err(Mistake::at(
                word,
                text,
                "put a backslash in front of what is to be taken as it is, such as \\( or \\[",
            ))
        }
    }
}

/// A word that begins no line.
fn unknown(word: &Word<'_>, place: Place) -> Mistake {
    let mut names = rows_for(place).map(|row| row.name.as_bytes());
    let advice = match tool::similar(word.text, &mut names) {
        Some(name) => format!("did you mean {}?", show(name)),
        None => possible(place),
    };
    Mistake::at(word, format!("\"{}\" asks nothing", show(word.text)), advice)
}

fn rows_for(place: Place) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| row.only.is_none_or(|only| only == place))
}

/// The words that may begin a line of a file.
fn possible(place: Place) -> String {
    let names: Vec<_> = rows_for(place).map(|row| row.name).collect();
    format!("a line of {} begins with one of {}", place.file(), names.join(", "))
}
