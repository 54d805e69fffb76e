//! What a definition asks the attendant to find out: `probes` in the service directory.
//!
//! Whoever makes the service directory checks the files `ready`, `live` and their companions, and writes this record; the
//! attendant gets it with each process of the service, and parses no file.  Numbers are big-endian, and words have their
//! lengths in two bytes before them.
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | [`MAGIC`], the last byte being the version |
//! | 8 | bit 0: a part about readiness follows; bit 1: one about liveness, behind it |
//!
//! | readiness | what |
//! |---|---|
//! | 4, 4 bytes | period and time-out in milliseconds |
//! | 1 byte, … | how many probes there are, and each of them |
//!
//! | liveness | what |
//! |---|---|
//! | 4, 4, 4 bytes | period and time-out in milliseconds, threshold |
//! | 4 bytes | the watchdog's time in milliseconds, 0 for none |
//! | 1, 1 byte | [`OnUnhealthy`]: 0 restart, 1 nothing, 2 the signal in the second byte, 3 stop |
//! | 1 byte, … | how many probes there are, and each of them |
//!
//! | probe | what |
//! |---|---|
//! | word | its line, as it was written |
//! | 1 byte | [`Kind`]: 0 listen, 1 tcp, 2 unix, 3 http, 4 file, 5 log, 6 exec, 7 notify, 8 fd |
//! | 0 | 1 byte: 0 for any address, 4, 6; 4 or 16 bytes; 2 bytes of the port |
//! | 1 | 1 byte: 4, 6; 4 or 16 bytes; 2 bytes of the port |
//! | 2, 4, 5 | a word: the path, or the expression |
//! | 3 | as 1; words: `Host`, the path with its query; 2, 2 bytes: the lowest and highest status; 1 byte, words: more header lines |
//! | 6 | 1 byte: how many words; the words |
//! | 7 | nothing |
//! | 8 | 4 bytes: the descriptor |

use std::net::{IpAddr, SocketAddr};

/// The file's name in a service directory.
pub const FILE: &str = "probes";

/// The first bytes of a record of this version.
pub const MAGIC: [u8; 8] = *b"s6probe\x01";

/// The longest record, in bytes: it is sent in one message.
pub const SIZE_MAX: usize = 8192;

/// The most probes of readiness, and of liveness.
pub const PROBES_MAX: usize = 32;

/// The first pause between two tries for readiness, in milliseconds, where none is given.
pub const READY_PERIOD: u32 = 5;

/// The same where one of the tries is a program.
pub const READY_PERIOD_OF_PROGRAMS: u32 = 100;

/// How long a try for readiness may take, in milliseconds, where nothing is given.
pub const READY_CHECK_TIMEOUT: u32 = 3000;

/// The pause between two checks of liveness, in milliseconds, where none is given.
pub const LIVE_PERIOD: u32 = 10_000;

/// How long a check of liveness may take, in milliseconds, where nothing is given.
pub const LIVE_TIMEOUT: u32 = 3000;

/// How many checks in a row must fail, where nothing is given.
pub const LIVE_THRESHOLD: u32 = 3;

/// What a definition asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probes {
    /// When the service is ready.
    pub ready: Option<Ready>,
    /// Whether it still does its work.
    pub live: Option<Live>,
}

/// When a service is ready: all probes hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The pause between the first two tries, in milliseconds, at least 1; it doubles up to a second.
    pub period: u32,
    /// How long a try may take, in milliseconds, at least 1.
    pub timeout: u32,
    /// At least one.
    pub probes: Vec<Probe>,
}

/// Whether a service does its work: all probes hold, and it says so in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The pause between two checks, in milliseconds, at least 1.
    pub period: u32,
    /// How long a check may take, in milliseconds, at least 1.
    pub timeout: u32,
    /// So many checks in a row must fail, at least 1.
    pub threshold: u32,
    /// The longest time between two `WATCHDOG=1`, in milliseconds, at least 1.
    pub watchdog: Option<u32>,
    /// What follows.
    pub on_unhealthy: OnUnhealthy,
    /// There may be none if there is a watchdog.
    pub probes: Vec<Probe>,
}

/// What happens to a service that doesn't do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnhealthy {
    /// Its process is ended, which is a failure.
    #[default]
    Restart,
    /// It is shown.
    Nothing,
    /// Its process gets this signal, and SIGKILL after `timeout-kill`; its end is a failure.
    Signal(u8),
    /// The container stops.
    Stop,
}

/// A line of `ready` or `live`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Its words, with single blanks between them.
    pub text: Vec<u8>,
    /// What it asks.
    pub kind: Kind,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Does a process of the service listen on this TCP port, at this address or at all of them?
    Listen(Option<IpAddr>, u16),
    /// Can one connect to it?
    Tcp(SocketAddr),
    /// Can one connect to the socket at this path?
    Unix(Vec<u8>),
    /// Does it answer with such a status?
    Http(Http),
    /// Is there something at this path, which was removed before the start?
    File(Vec<u8>),
    /// Has it written a line that this extended regular expression matches?
    Log(Vec<u8>),
    /// Does this program exit with 0?  At least one word.
    Exec(Vec<Vec<u8>>),
    /// Has it sent `READY=1`?
    Notify,
    /// Has it written a newline to this descriptor?
    Fd(u32),
}

/// A question over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where.
    pub address: SocketAddr,
    /// The value of the header line `Host`.
    pub host: Vec<u8>,
    /// The path with its query, which begins with a slash.
    pub target: Vec<u8>,
    /// The lowest and the highest status that holds.
    pub status: (u16, u16),
    /// More header lines, without their ends.
    pub headers: Vec<Vec<u8>>,
}

/// A record; `None` if it would be longer than [`SIZE_MAX`].
#[must_use]
pub fn encode(probes: &Probes) -> Option<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    out.push(u8::from(probes.ready.is_some()) | u8::from(probes.live.is_some()) << 1);
    if let Some(ready) = &probes.ready {
        out.extend([ready.period, ready.timeout].iter().flat_map(|n| n.to_be_bytes()));
        put_probes(&mut out, &ready.probes)?;
    }
    if let Some(live) = &probes.live {
        let numbers = [live.period, live.timeout, live.threshold, live.watchdog.unwrap_or(0)];
        out.extend(numbers.iter().flat_map(|n| n.to_be_bytes()));
        out.extend(match live.on_unhealthy {
            OnUnhealthy::Restart => [0, 0],
            OnUnhealthy::Nothing => [1, 0],
            OnUnhealthy::Signal(signal) => [2, signal],
            OnUnhealthy::Stop => [3, 0],
        });
        put_probes(&mut out, &live.probes)?;
    }
    (out.len() <= SIZE_MAX).then_some(out)
}

fn put_probes(out: &mut Vec<u8>, probes: &[Probe]) -> Option<()> {
    out.push(u8::try_from(probes.len()).ok().filter(|n| usize::from(*n) <= PROBES_MAX)?);
    for probe in probes {
        put_word(out, &probe.text)?;
        match &probe.kind {
            Kind::Listen(address, port) => {
                out.push(0);
                match address {
                    Some(address) => put_address(out, *address),
                    None => out.push(0),
                }
                out.extend(port.to_be_bytes());
            }
            Kind::Tcp(address) => {
                out.push(1);
                put_socket(out, *address);
            }
            Kind::Unix(path) => put_tagged(out, 2, path)?,
            Kind::Http(http) => {
                out.push(3);
                put_socket(out, http.address);
                put_word(out, &http.host)?;
                put_word(out, &http.target)?;
                out.extend([http.status.0, http.status.1].iter().flat_map(|n| n.to_be_bytes()));
                put_words(out, &http.headers)?;
            }
            Kind::File(path) => put_tagged(out, 4, path)?,
            Kind::Log(expression) => put_tagged(out, 5, expression)?,
            Kind::Exec(words) => {
                out.push(6);
                put_words(out, words)?;
            }
            Kind::Notify => out.push(7),
            Kind::Fd(number) => {
                out.push(8);
                out.extend(number.to_be_bytes());
            }
        }
    }
    Some(())
}

fn put_tagged(out: &mut Vec<u8>, tag: u8, word: &[u8]) -> Option<()> {
    out.push(tag);
    put_word(out, word)
}

fn put_word(out: &mut Vec<u8>, word: &[u8]) -> Option<()> {
    out.extend(u16::try_from(word.len()).ok()?.to_be_bytes());
    out.extend_from_slice(word);
    Some(())
}

fn put_words(out: &mut Vec<u8>, words: &[Vec<u8>]) -> Option<()> {
    out.push(u8::try_from(words.len()).ok()?);
    words.iter().try_for_each(|word| put_word(out, word))
}

fn put_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            out.push(4);
            out.extend(address.octets());
        }
        IpAddr::V6(address) => {
            out.push(6);
            out.extend(address.octets());
        }
    }
}

fn put_socket(out: &mut Vec<u8>, address: SocketAddr) {
    put_address(out, address.ip());
    out.extend(address.port().to_be_bytes());
}

/// Reads a record; `None` if it isn't one.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Probes> {
    let mut rest = Rest(bytes.strip_prefix(&MAGIC)?);
    let parts = rest.byte().filter(|parts| *parts <= 3)?;
    let ready = if parts & 1 == 0 {
        None
    } else {
        let (period, timeout) = (rest.positive()?, rest.positive()?);
        Some(Ready { period, timeout, probes: rest.probes().filter(|probes| !probes.is_empty())? })
    };
    let live = if parts & 2 == 0 { None } else { Some(rest.live()?) };
    rest.0.is_empty().then_some(Probes { ready, live })
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn positive(&mut self) -> Option<u32> {
        self.number().filter(|number| *number > 0)
    }

    fn word(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(self.short()?);
        let (word, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(word.to_vec())
    }

    fn words(&mut self) -> Option<Vec<Vec<u8>>> {
        (0..self.byte()?).map(|_| self.word()).collect()
    }

    fn address(&mut self, version: u8) -> Option<IpAddr> {
        match version {
            4 => self.array::<4>().map(IpAddr::from),
            6 => self.array::<16>().map(IpAddr::from),
            _ => None,
        }
    }

    fn socket(&mut self) -> Option<SocketAddr> {
        let version = self.byte()?;
        let address = self.address(version)?;
        Some(SocketAddr::new(address, self.short()?))
    }

    fn probes(&mut self) -> Option<Vec<Probe>> {
        let count = self.byte().filter(|count| usize::from(*count) <= PROBES_MAX)?;
        (0..count).map(|_| Some(Probe { text: self.word()?, kind: self.kind()? })).collect()
    }

    fn kind(&mut self) -> Option<Kind> {
        Some(match self.byte()? {
            0 => match self.byte()? {
                0 => Kind::Listen(None, self.short()?),
                version => Kind::Listen(Some(self.address(version)?), self.short()?),
            },
            1 => Kind::Tcp(self.socket()?),
            2 => Kind::Unix(self.word()?),
            3 => Kind::Http(Http {
                address: self.socket()?,
                host: self.word()?,
                target: self.word()?,
                status: (self.short()?, self.short()?),
                headers: self.words()?,
            }),
            4 => Kind::File(self.word()?),
            5 => Kind::Log(self.word()?),
            6 => Kind::Exec(self.words().filter(|words| !words.is_empty())?),
            7 => Kind::Notify,
            8 => Kind::Fd(self.number()?),
            _ => return None,
        })
    }

    fn live(&mut self) -> Option<Live> {
        let (period, timeout, threshold) = (self.positive()?, self.positive()?, self.positive()?);
        let watchdog = self.number().map(|time| Some(time).filter(|time| *time > 0))?;
        let on_unhealthy = match self.array()? {
            [0, 0] => OnUnhealthy::Restart,
            [1, 0] => OnUnhealthy::Nothing,
            [2, signal @ 1..=64] => OnUnhealthy::Signal(signal),
            [3, 0] => OnUnhealthy::Stop,
            _ => return None,
        };
        let probes = self.probes().filter(|probes| watchdog.is_some() || !probes.is_empty())?;
        Some(Live { period, timeout, threshold, watchdog, on_unhealthy, probes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(text: &str, kind: Kind) -> Probe {
        Probe { text: text.into(), kind }
    }

    fn all() -> Probes {
        let web = SocketAddr::from(([127, 0, 0, 1], 8080));
        let http = Http {
            address: web,
            host: b"web".to_vec(),
            target: b"/healthz?deep".to_vec(),
            status: (200, 399),
            headers: vec![b"X-Probe: yes".to_vec()],
        };
        let ready = Ready {
            period: READY_PERIOD,
            timeout: READY_CHECK_TIMEOUT,
            probes: vec![
                probe("listen 80", Kind::Listen(None, 80)),
                probe("listen [::1]:80", Kind::Listen(Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])), 80)),
                probe("tcp 127.0.0.1:8080", Kind::Tcp(web)),
                probe("unix /run/x", Kind::Unix(b"/run/x".to_vec())),
                probe("http …", Kind::Http(http)),
                probe("file /run/up", Kind::File(b"/run/up".to_vec())),
                probe("log ready$", Kind::Log(b"ready$".to_vec())),
                probe("exec a b", Kind::Exec(vec![b"a".to_vec(), b"b".to_vec()])),
                probe("notify", Kind::Notify),
                probe("fd 3", Kind::Fd(3)),
            ],
        };
        let live = Live {
            period: LIVE_PERIOD,
            timeout: LIVE_TIMEOUT,
            threshold: LIVE_THRESHOLD,
            watchdog: Some(30_000),
            on_unhealthy: OnUnhealthy::Signal(6),
            probes: vec![],
        };
        Probes { ready: Some(ready), live: Some(live) }
    }

    #[test]
    fn what_is_written_is_read() {
        let whole = all();
        let actions =
            [OnUnhealthy::Restart, OnUnhealthy::Nothing, OnUnhealthy::Signal(64), OnUnhealthy::Stop];
        for on_unhealthy in actions {
            let mut probes = whole.clone();
            probes.live = probes.live.map(|live| Live { on_unhealthy, ..live });
            assert_eq!(decode(&encode(&probes).unwrap()), Some(probes));
        }
        let ready = Probes { live: None, ..whole.clone() };
        assert_eq!(decode(&encode(&ready).unwrap()), Some(ready));
        let live = Probes { ready: None, ..whole };
        assert_eq!(decode(&encode(&live).unwrap()), Some(live));
    }

    #[test]
    fn whatever_else_there_is_is_refused() {
        let record = encode(&all()).unwrap();
        for length in 0..record.len() {
            assert_eq!(decode(&record[..length]), None, "{length}");
        }
        assert_eq!(decode(&[&record[..], b"x"].concat()), None);
        let empty = Ready { period: 1, timeout: 1, probes: vec![] };
        assert_eq!(decode(&encode(&Probes { ready: Some(empty), live: None }).unwrap()), None);
        for (place, byte) in [(7, 2), (8, 4), (12, 0), (17, 33), (29, 9)] {
            let mut wrong = record.clone();
            wrong[place] = byte;
            assert_eq!(decode(&wrong), None, "{place}");
        }
    }

    #[test]
    fn what_is_too_long_is_no_record() {
        let long = Kind::Log(vec![b'x'; SIZE_MAX]);
        let ready = Ready { period: 1, timeout: 1, probes: vec![probe("log x", long)] };
        assert_eq!(encode(&Probes { ready: Some(ready), live: None }), None);
        let many = vec![probe("notify", Kind::Notify); PROBES_MAX + 1];
        let ready = Ready { period: 1, timeout: 1, probes: many };
        assert_eq!(encode(&Probes { ready: Some(ready), live: None }), None);
    }
}
