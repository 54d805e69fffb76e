//! A client of a time server: asks several times, and writes the difference between the clocks.
//!
//! `s6-sntpclock` and `s6-taiclock` are front ends that differ in the messages.

use crate::clock::{self, Range};
use crate::socket::{connect_until, socket_for, wait};
use crate::{address, clock::show};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, SocketType, recv, send};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use tool::clock::wall;
use tool::clock::{Moment, deadline, now, poll_until};
use tool::{Call, Fatal, Opt, OrUnable, Out, Outcome, diag};
use wire::tai::Tai64n;

/// The options of a client of a time server.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::flag('f', "write the difference even if it is too uncertain"),
    Opt::value(
        'v',
        "verbosity",
        "0: fatal errors only, 1: normal, 2: also failed exchanges, 3: every exchange",
    ),
    Opt::value('r', "roundtrips", "ask so many times; default 10"),
    Opt::value('t', "triptimeout", "wait so many milliseconds for each answer; default 2000, 0: for ever"),
    Opt::value('h', "throttle", "wait so many milliseconds between exchanges"),
    Opt::value('T', "totaltimeout", "fail after so many milliseconds; default 10000, 0: never"),
    Opt::value('e', "errmax", "the most uncertainty that is taken, in milliseconds; default 100"),
    Opt::value('p', "port", "the server's UDP port, if it isn't the usual one"),
];

/// From query and packet, when the query came and when the answer was sent; `None` for what is no answer.
type Answer = fn(&[u8], &[u8]) -> Option<(Tai64n, Tai64n)>;

/// A protocol of time servers.
pub(crate) struct Protocol {
    /// Its name in messages.
    pub name: &'static str,
    /// The usual port.
    pub port: u16,
    /// Differences of more seconds can't be told.
    pub reach: i64,
    /// The query for now.
    pub query: fn(Tai64n) -> Result<Vec<u8>, Errno>,
    /// Reads a packet.
    pub answer: Answer,
}

/// The whole of a client.
pub(crate) fn main(call: &mut Call, protocol: &Protocol) -> Outcome {
    let options = call.options()?;
    let verbosity = options.number('v')?.unwrap_or(1_u32);
    let trips = options.number('r')?.unwrap_or(10_u32).max(1);
    let (trip, throttle) = (options.number('t')?.or(Some(2000)), options.number('h')?);
    let total = options.number('T')?.or(Some(10_000));
    let most = i128::from(options.number('e')?.unwrap_or(100_u32)) * 1_000_000;
    let port = options.number('p')?.unwrap_or(protocol.port);
    let word = call.shift()?;
    let server = SocketAddr::new(address::ip(&word).ok_or_else(Fatal::usage)?, port);

    let end = deadline(total);
    let socket =
        socket_for(server.ip(), SocketType::DGRAM, SocketFlags::NONBLOCK).or_unable(|| "make a socket")?;
    connect_until(&socket, server, end).or_unable(|| format!("reach {server}"))?;
    let mut client = Client { call, protocol, socket, verbosity, range: Range::within(protocol.reach) };
    let (mut successes, mut last) = (0, Errno::TIMEDOUT);
    for number in 1..=trips {
        let name = format!("{} exchange {number} of {trips}", protocol.name);
        match client.exchange(&name, earlier(deadline(trip), end)) {
            Ok(()) => successes += 1,
            Err(e) => {
                last = e;
                client.info(2, || format!("{name} failed: {}", sys::strerror(e)));
            }
        }
        if number < trips
            && let Some(until) = deadline(throttle)
        {
            poll_until(&mut [], earlier(Some(until), end)).or_unable(|| "wait")?;
        }
        if number < trips && end.is_some_and(|end| end <= now()) {
            let to_do = format!("finish {trips} {} exchanges in time", protocol.name);
            return Err(client.failure(Fatal::unable(&to_do, Errno::TIMEDOUT)));
        }
    }
    if successes == 0 {
        let to_do = format!("get the time from {}", diag::show(&word));
        return Err(client.failure(Fatal::unable(&to_do, last)));
    }
    if successes < trips && verbosity >= 2 {
        client.call.warn(&format!(
            "only {successes} of {trips} exchanges succeeded, which makes the time less certain"
        ));
    }
    client.write(most, options.has('f'))
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
            self.call.info(&text());
        }
    }

    /// A failure that nobody wants to hear about with `-v 0` is silent; it has code 1.
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
            let came = wall();
            // Anything else may be the answer to a query that was given up, or somebody's forgery.
            let packet = packet.get(..length).unwrap_or_default();
            let Some((received, answered)) = (self.protocol.answer)(&query, packet) else { continue };
            for (what, t) in
                [("sent", sent), ("server received", received), ("server answered", answered), ("came", came)]
            {
                self.info(3, || format!("{what}: {}", diag::show(&t.label())));
            }
            self.range.learn(sent, received, answered, came);
            return Ok(());
        }
    }

    /// Writes the difference, if it is certain enough or `force` is on.
    fn write(&self, most: i128, force: bool) -> Outcome {
        let uncertainty = self.range.uncertainty();
        if uncertainty > most {
            let text = format!("the time is uncertain by {}, more than {}", show(uncertainty), show(most));
            if !force {
                return Err(Fatal::new(111, text));
            }
            if self.verbosity >= 1 {
                self.call.warn(&text);
            }
        }
        let difference = self.range.middle();
        let packed = clock::pack(difference)
            .ok_or_else(|| Fatal::new(111, format!("a difference of {} is too large", show(difference))))?;
        let mut out = Out::new();
        out.put(&packed)?;
        out.finish()
    }
}
