//! A client of a time server: exchanges several messages, and writes the difference between the clocks.
//!
//! `s6-sntpclock` and `s6-taiclock` are front ends with different messages.

use crate::clock::{self, Range};
use crate::socket::{connect_until, socket_for, wait};
use crate::{address, clock::show};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, SocketType, recv, send};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tool::clock::wall;
use tool::clock::{Moment, now, poll_until};
use tool::{Call, Fatal, Opt, Options, OrUnable, Out, Outcome, diag};
use wire::tai::Tai64n;

/// The options of a client of a time server.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::flag('f', "write the difference even if it is too uncertain"),
    Opt::value(
        'v',
        "verbosity",
        "0: fatal errors only, 1: normal, 2: also failed exchanges, 3: every exchange",
    ),
    Opt::value('r', "roundtrips", "the number of exchanges; default 10"),
    Opt::value('t', "triptimeout", "milliseconds to wait for each answer; default 2000, 0: without limit"),
    Opt::value('h', "throttle", "milliseconds to wait between exchanges; default 0"),
    Opt::value('T', "totaltimeout", "fail after this many milliseconds; default 10000, 0: never"),
    Opt::value('e', "errmax", "the accepted uncertainty, in milliseconds; default 100"),
    Opt::value('p', "port", "the server's UDP port, if it isn't the usual one"),
];

/// From a query and a packet: when the query was received and when the answer was sent; `None` if it isn't an answer.
type Answer = fn(&[u8], &[u8]) -> Option<(Tai64n, Tai64n)>;

/// A protocol of time servers.
pub(crate) struct Protocol {
    /// Its name in messages.
    pub name: &'static str,
    /// The usual port.
    pub port: u16,
    /// The limit of differences that the protocol can measure, in seconds.
    pub max_difference: i64,
    /// The query for a time.
    pub query: fn(Tai64n) -> Result<Vec<u8>, Errno>,
    /// Reads a packet.
    pub answer: Answer,
}

/// How long to wait for each answer, unless `-t` sets it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long all exchanges may take, unless `-T` sets it.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// The accepted uncertainty, unless `-e` sets it.
const UNCERTAINTY_LIMIT: Duration = Duration::from_millis(100);

/// The settings of a client.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    verbosity: u32,
    exchanges: u32,
    /// For each answer; `None` waits without limit.
    answer_timeout: Option<Duration>,
    /// Between exchanges.
    pause: Option<Duration>,
    /// For all exchanges; `None` is without limit.
    total_timeout: Option<Duration>,
    uncertainty_limit: Duration,
    port: u16,
}

impl Settings {
    fn new(options: &Options, default_port: u16) -> Result<Self, Fatal> {
        let milliseconds = |letter| -> Result<Option<Duration>, Fatal> {
            Ok(options.number::<u32>(letter)?.map(|ms| Duration::from_millis(ms.into())))
        };
        let unless_zero = |time: Duration| Some(time).filter(|time| !time.is_zero());
        Ok(Self {
            verbosity: options.number('v')?.unwrap_or(1),
            exchanges: options.number('r')?.unwrap_or(10).max(1),
            answer_timeout: unless_zero(milliseconds('t')?.unwrap_or(ANSWER_TIMEOUT)),
            pause: milliseconds('h')?.and_then(unless_zero),
            total_timeout: unless_zero(milliseconds('T')?.unwrap_or(TOTAL_TIMEOUT)),
            uncertainty_limit: milliseconds('e')?.unwrap_or(UNCERTAINTY_LIMIT),
            port: options.number('p')?.unwrap_or(default_port),
        })
    }
}

/// The main function of a client.
pub(crate) fn main(call: &mut Call, protocol: &Protocol) -> Outcome {
    let options = call.options()?;
    let settings = Settings::new(&options, protocol.port)?;
    let word = call.shift()?;
    let server = SocketAddr::new(address::ip(&word).ok_or_else(Fatal::usage)?, settings.port);

    let end = deadline(settings.total_timeout);
    let socket =
        socket_for(server.ip(), SocketType::DGRAM, SocketFlags::NONBLOCK).or_unable(|| "make a socket")?;
    connect_until(&socket, server, end).or_unable(|| format!("reach {server}"))?;
    let verbosity = settings.verbosity;
    let mut client =
        Client { call, protocol, socket, verbosity, range: Range::within(protocol.max_difference) };
    let (mut successes, mut last, exchanges) = (0, Errno::TIMEDOUT, settings.exchanges);
    for number in 1..=exchanges {
        let name = format!("{} exchange {number} of {exchanges}", protocol.name);
        match client.exchange(&name, earlier(deadline(settings.answer_timeout), end)) {
            Ok(()) => successes += 1,
            Err(e) => {
                last = e;
                client.info(2, || format!("{name} failed: {}", sys::strerror(e)));
            }
        }
        if number < exchanges
            && let Some(until) = deadline(settings.pause)
        {
            poll_until(&mut [], earlier(Some(until), end)).or_unable(|| "wait")?;
        }
        if number < exchanges && end.is_some_and(|end| end <= now()) {
            let to_do = format!("finish {exchanges} {} exchanges in time", protocol.name);
            return Err(client.failure(Fatal::unable(&to_do, Errno::TIMEDOUT)));
        }
    }
    if successes == 0 {
        let to_do = format!("get the time from {}", diag::show(&word));
        return Err(client.failure(Fatal::unable(&to_do, last)));
    }
    if successes < exchanges && verbosity >= 2 {
        client.call.warn(format_args!(
            "only {successes} of {exchanges} exchanges succeeded, which makes the time less certain"
        ));
    }
    let limit = i128::try_from(settings.uncertainty_limit.as_nanos()).unwrap_or(i128::MAX);
    client.write(limit, options.has('f'))
}

/// The moment after `time`; `None` without a limit.
fn deadline(time: Option<Duration>) -> Option<Moment> {
    now().checked_add(time?)
}

fn earlier(a: Option<Moment>, b: Option<Moment>) -> Option<Moment> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        _ => a.or(b),
    }
}

struct Client<'a> {
    call: &'a Call,
    protocol: &'a Protocol,
    socket: OwnedFd,
    verbosity: u32,
    range: Range,
}

impl Client<'_> {
    fn info(&self, verbosity: u32, text: impl FnOnce() -> String) {
        if self.verbosity >= verbosity {
            self.call.info(text());
        }
    }

    /// A failure with code 1, without message if the verbosity is 0.
    fn failure(&self, fatal: Fatal) -> Fatal {
        if self.verbosity == 0 { Fatal::silent(1) } else { fatal.with_code(1) }
    }

    fn exchange(&mut self, name: &str, deadline: Option<Moment>) -> Result<(), Errno> {
        self.info(3, || name.to_owned());
        let sent = wall();
        let query = (self.protocol.query)(sent)?;
        if send(&self.socket, &query, SendFlags::NOSIGNAL)? < query.len() {
            return Err(Errno::PIPE);
        }
        loop {
            wait(&self.socket, PollFlags::IN, deadline)?;
            let mut packet = [0; 512];
            let length = match recv(&self.socket, &mut packet, RecvFlags::empty()) {
                Err(Errno::AGAIN | Errno::INTR) => continue,
                done => done?.1,
            };
            let arrived = wall();
            // Another packet may be a late answer to an earlier query, or forged.
            let packet = packet.get(..length).unwrap_or_default();
            let Some((received, answered)) = (self.protocol.answer)(&query, packet) else { continue };
            for (what, t) in [
                ("sent", sent),
                ("server received", received),
                ("server answered", answered),
                ("came", arrived),
            ] {
                self.info(3, || format!("{what}: {}", diag::show(&t.label())));
            }
            self.range.narrow(sent, received, answered, arrived);
            return Ok(());
        }
    }

    /// Writes the difference, if its uncertainty is at most `limit` nanoseconds or with `force`.
    fn write(&self, limit: i128, force: bool) -> Outcome {
        let uncertainty = self.range.uncertainty();
        if uncertainty > limit {
            let text = format!("the time is uncertain by {}, more than {}", show(uncertainty), show(limit));
            if !force {
                return Err(Fatal::new(111, text));
            }
            if self.verbosity >= 1 {
                self.call.warn(&text);
            }
        }
        let difference = self.range.middle();
        let packed = clock::pack(difference).ok_or_else(|| {
            Fatal::new(111, format_args!("a difference of {} is too large", show(difference)))
        })?;
        let mut out = Out::new();
        out.put(&packed)?;
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_a_time_client() {
        let settings = |words: &str| {
            let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
            Settings::new(&Options::take(OPTIONS, &mut args).unwrap(), 123).map_err(|e| e.code())
        };
        let milliseconds = Duration::from_millis;
        let default = settings("").unwrap();
        assert_eq!((default.verbosity, default.exchanges, default.port), (1, 10, 123));
        assert_eq!(default.answer_timeout, Some(milliseconds(2000)));
        assert_eq!(default.total_timeout, Some(milliseconds(10_000)));
        assert_eq!((default.pause, default.uncertainty_limit), (None, milliseconds(100)));
        let given = settings("-v 3 -r 5 -t 1 -T 2 -h 3 -e 4 -p 6").unwrap();
        assert_eq!((given.verbosity, given.exchanges, given.port), (3, 5, 6));
        assert_eq!(given.answer_timeout, Some(milliseconds(1)));
        assert_eq!(given.total_timeout, Some(milliseconds(2)));
        assert_eq!((given.pause, given.uncertainty_limit), (Some(milliseconds(3)), milliseconds(4)));
        let zero = settings("-r 0 -t 0 -T 0 -h 0").unwrap();
        assert_eq!(
            (zero.exchanges, zero.answer_timeout, zero.total_timeout, zero.pause),
            (1, None, None, None)
        );
        for bad in ["-v x", "-r x", "-t x", "-T x", "-h x", "-e x", "-p 65536"] {
            assert_eq!(settings(bad), Err(100), "{bad}");
        }
    }
}
