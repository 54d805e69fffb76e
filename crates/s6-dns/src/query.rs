//! The pure machine that decides which server to ask next, how, and how long to wait; `exchange` performs it.
//!
//! Servers are asked in order, by UDP.  One that times out, can't be reached or fails is asked again in the next round,
//! with a longer time-out; one that refuses or doesn't understand the question is not.  The time-outs of the rounds are
//! 1, 3, 11 and 45 seconds; a recursive question begins with the second round, since a cache has to ask other servers.
//! A truncated answer is requested again by TCP, from each server once, beginning with the one that sent it.
//!
//! The first round uses EDNS, which allows large datagrams.  Servers and firewalls that can't handle EDNS get the plain
//! question: at once if they report an error, otherwise in the next round.

use crate::failure::Failure;
use crate::message::Question;
use std::net::IpAddr;
use std::time::Duration;

/// The limit of servers for one question.
pub const MAX_SERVERS: usize = 16;

/// The time-out of an answer by UDP, for each round.
const UDP_ANSWER_TIMEOUTS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(11), Duration::from_secs(45)];
/// The time-out of a connection, and then of the answer, by TCP.
const TCP_TIMEOUT: Duration = Duration::from_secs(10);

/// When servers are asked, and how often.  By default the time-outs of the rounds are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule {
    /// The time-out of the first round, doubled in each further one, and of TCP.
    pub first_timeout: Option<Duration>,
    /// The number of rounds.
    pub rounds: Option<usize>,
    /// Whether to begin with a random server.
    pub is_rotated: bool,
}

/// The transport of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram, from its own port.
    Udp,
    /// A connection.
    Tcp,
}

/// An event of the network or the clock.
#[derive(Debug)]
pub enum Event<'a> {
    /// Start asking.
    Begin,
    /// A message came from the server that was asked.
    Message(&'a [u8]),
    /// The server couldn't be reached, or the connection broke.
    Unreachable,
    /// The server timed out.
    TimedOut,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask this server, and drop the previous attempt.
    Ask(Ask),
    /// Keep waiting: the message was not an answer.
    Wait,
    /// The question is answered or has failed.
    Done(Result<Vec<u8>, Failure>),
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The server.
    pub server: IpAddr,
    /// The transport.
    pub transport: Transport,
    /// The message to send.
    pub message: Vec<u8>,
    /// How long to wait for the answer.
    pub timeout: Duration,
}

#[derive(Debug)]
struct Server {
    address: IpAddr,
    /// It reported an error to a question with EDNS.
    rejects_edns: bool,
    /// It refuses the question or doesn't understand it.
    is_excluded: bool,
}

/// The state of a question.
#[derive(Debug)]
pub struct Query {
    question: Question,
    servers: Vec<Server>,
    allows_edns: bool,
    schedule: Schedule,
    round: usize,
    /// The index of the server being asked.
    at: usize,
    /// How many servers were asked in this round.
    asked: usize,
    transport: Transport,
    id: u16,
    /// The last error that a server reported.
    last_failure: Option<Failure>,
}

impl Query {
    /// A question to the first [`MAX_SERVERS`] of these servers.
    #[must_use]
    pub fn new(question: Question, servers: &[IpAddr], allows_edns: bool) -> Self {
        let server = |address: &IpAddr| Server { address: *address, rejects_edns: false, is_excluded: false };
        let round = usize::from(question.recursive);
        let servers = servers.iter().take(MAX_SERVERS).map(server).collect();
        let transport = Transport::Udp;
        let schedule = Schedule::default();
        Self {
            question,
            servers,
            allows_edns,
            schedule,
            round,
            at: 0,
            asked: 0,
            transport,
            id: 0,
            last_failure: None,
        }
    }

    /// The same question with another schedule.
    #[must_use]
    pub fn with_schedule(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// The question.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Handles an event; `id` is a random number for a new attempt.
    pub fn step(&mut self, event: Event<'_>, id: u16) -> Action {
        match event {
            Event::Begin => {
                if self.schedule.is_rotated {
                    self.at = usize::from(id).checked_rem(self.servers.len()).unwrap_or(0);
                }
                self.ask(id)
            }
            Event::Message(message) => self.receive(message, id),
            Event::Unreachable | Event::TimedOut => self.next(id),
        }
    }

    fn receive(&mut self, message: &[u8], id: u16) -> Action {
        let Some(reply) = self.question.reply(self.id, message) else {
            // A datagram may be forged; a connection is with the server itself.
            return match self.transport {
                Transport::Udp => Action::Wait,
                Transport::Tcp => self.fail_over(Failure::Malformed, id),
            };
        };
        let used_edns = self.uses_edns();
        if reply.is_truncated {
            return match self.transport {
                Transport::Tcp => self.fail_over(Failure::Malformed, id),
                Transport::Udp => {
                    (self.transport, self.asked) = (Transport::Tcp, 0);
                    self.ask(id)
                }
            };
        }
        match reply.code {
            0 | 3 => Action::Done(Ok(message.to_vec())),
            1 | 4 if used_edns => {
                if let Some(server) = self.servers.get_mut(self.at) {
                    server.rejects_edns = true;
                }
                self.ask(id)
            }
            code => {
                if let (1 | 4 | 5, Some(server)) = (code, self.servers.get_mut(self.at)) {
                    server.is_excluded = true;
                }
                self.fail_over(Failure::from_code(code), id)
            }
        }
    }

    /// Records the error of this server and asks the next one.
    fn fail_over(&mut self, failure: Failure, id: u16) -> Action {
        self.last_failure = Some(failure);
        self.next(id)
    }

    /// Whether this attempt uses EDNS.
    fn uses_edns(&self) -> bool {
        let first = usize::from(self.question.recursive);
        let plain = self.servers.get(self.at).is_none_or(|server| server.rejects_edns);
        self.allows_edns && !plain && (self.round == first || self.transport == Transport::Tcp)
    }

    /// The time-out of this attempt; `None` if there are no more.
    fn timeout(&self) -> Option<Duration> {
        if self.transport == Transport::Tcp {
            return Some(self.schedule.first_timeout.unwrap_or(TCP_TIMEOUT));
        }
        let first = usize::from(self.question.recursive);
        let round = self.round.saturating_sub(first);
        if round >= self.schedule.rounds.unwrap_or(UDP_ANSWER_TIMEOUTS.len() - first) {
            return None;
        }
        let fixed = UDP_ANSWER_TIMEOUTS.get(self.round).or(UDP_ANSWER_TIMEOUTS.last()).copied();
        match self.schedule.first_timeout {
            Some(timeout) => Some(timeout * (1 << round.min(8))),
            None => fixed,
        }
    }

    /// Asks the next server.
    fn next(&mut self, id: u16) -> Action {
        self.at += 1;
        self.asked += 1;
        self.ask(id)
    }

    /// Asks the current server, or the next one that isn't excluded.
    fn ask(&mut self, id: u16) -> Action {
        loop {
            if self.asked >= self.servers.len() {
                (self.asked, self.round) = (0, self.round + 1);
                if self.transport == Transport::Tcp || self.servers.iter().all(|server| server.is_excluded) {
                    break;
                }
            }
            if self.at >= self.servers.len() {
                self.at = 0;
            }
            let (Some(server), Some(timeout)) = (self.servers.get(self.at), self.timeout()) else { break };
            if !server.is_excluded {
                self.id = id;
                let (server, transport) = (server.address, self.transport);
                let message = self.question.message(id, self.uses_edns());
                return Action::Ask(Ask { server, transport, message, timeout });
            }
            self.at += 1;
            self.asked += 1;
        }
        Action::Done(Err(self.last_failure.unwrap_or(Failure::NoServer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;
    use crate::record::A;
    use proptest::prelude::*;

    fn query(servers: u8, recursive: bool, extended: bool) -> Query {
        let servers: Vec<_> = (1..=servers).map(|n| IpAddr::from([10, 0, 0, n])).collect();
        let question = Question { name: Name::from_text(b"a.example").unwrap(), rtype: A, recursive };
        Query::new(question, &servers, extended)
    }

    /// An answer to the last attempt.
    fn answer(query: &Query, code: u8, truncated: bool) -> Vec<u8> {
        let mut message = query.question.message(query.id, false);
        message[2] |= 0x80 | u8::from(truncated) << 1;
        message[3] |= code;
        message
    }

    /// An attempt as `SERVER/TRANSPORT/SECONDS`, with `+` for EDNS.
    fn show(action: &Action) -> String {
        match action {
            Action::Wait => "wait".into(),
            Action::Done(Ok(_)) => "answer".into(),
            Action::Done(Err(failure)) => format!("{failure:?}"),
            Action::Ask(ask) => {
                let IpAddr::V4(server) = ask.server else { unreachable!() };
                let (transport, seconds) = (ask.transport, ask.timeout.as_secs());
                let size =
                    if ask.message.ends_with(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]) { "+" } else { "" };
                format!("{}/{transport:?}/{seconds}{size}", server.octets()[3])
            }
        }
    }

    #[test]
    fn servers_are_asked_in_rounds() {
        for (recursive, expected) in [
            (true, "1/Udp/3 2/Udp/3 1/Udp/11 2/Udp/11 1/Udp/45 2/Udp/45 NoServer"),
            (false, "1/Udp/1 2/Udp/1 1/Udp/3 2/Udp/3 1/Udp/11 2/Udp/11 1/Udp/45 2/Udp/45 NoServer"),
        ] {
            let mut query = query(2, recursive, false);
            let mut all = vec![show(&query.step(Event::Begin, 1))];
            while !all.last().unwrap().contains("NoServer") {
                all.push(show(
                    &query.step(if all.len() % 2 == 0 { Event::TimedOut } else { Event::Unreachable }, 7),
                ));
            }
            assert_eq!(all.join(" "), expected);
        }
        assert_eq!(show(&query(0, true, true).step(Event::Begin, 1)), "NoServer");
    }

    #[test]
    fn at_most_sixteen_servers_are_asked() {
        let mut query = query(20, true, false);
        let mut servers = std::collections::BTreeSet::new();
        let mut action = query.step(Event::Begin, 1);
        while let Action::Ask(ask) = &action {
            servers.insert(ask.server);
            action = query.step(Event::TimedOut, 1);
        }
        assert_eq!(servers.len(), 16);
    }

    #[test]
    fn a_schedule_sets_time_outs_rounds_and_the_first_server() {
        let seconds = |n| Some(Duration::from_secs(n));
        for (first_timeout, rounds, expected) in [
            (seconds(2), None, "1/Udp/2 2/Udp/2 1/Udp/4 2/Udp/4 1/Udp/8 2/Udp/8 NoServer"),
            (seconds(2), Some(1), "1/Udp/2 2/Udp/2 NoServer"),
            (None, Some(1), "1/Udp/3 2/Udp/3 NoServer"),
            (None, Some(4), "1/Udp/3 2/Udp/3 1/Udp/11 2/Udp/11 1/Udp/45 2/Udp/45 1/Udp/45 2/Udp/45 NoServer"),
        ] {
            let schedule = Schedule { first_timeout, rounds, is_rotated: false };
            let mut query = query(2, true, false).with_schedule(schedule);
            let mut all = vec![show(&query.step(Event::Begin, 1))];
            while !all.last().unwrap().contains("NoServer") {
                all.push(show(&query.step(Event::TimedOut, 7)));
            }
            assert_eq!(all.join(" "), expected);
        }
        let schedule = Schedule { first_timeout: seconds(2), is_rotated: true, ..Schedule::default() };
        let mut rotated = query(3, true, false).with_schedule(schedule);
        assert_eq!(show(&rotated.step(Event::Begin, 5)), "3/Udp/2");
        let message = answer(&rotated, 0, true);
        assert_eq!(show(&rotated.step(Event::Message(&message), 4)), "3/Tcp/2");
        assert_eq!(show(&rotated.step(Event::TimedOut, 4)), "1/Tcp/2");
        assert_eq!(show(&query(0, true, true).with_schedule(schedule).step(Event::Begin, 1)), "NoServer");
    }

    #[test]
    fn only_the_answer_counts() {
        let mut query = query(1, true, false);
        query.step(Event::Begin, 0x1234);
        let right = answer(&query, 0, false);
        let changed = |at: usize, to: u8| {
            let mut wrong = right.clone();
            wrong[at] = to;
            wrong
        };
        let mut wrong =
            vec![changed(0, 0), changed(1, 0), changed(2, 1), changed(2, 0x91), changed(5, 0), changed(5, 2)];
        // The name, the type, the class; cut off; nothing.
        wrong.extend([changed(13, b'b'), changed(right.len() - 3, 28), changed(right.len() - 1, 3)]);
        wrong.extend([
            right[..right.len() - 1].to_vec(),
            right[..11].to_vec(),
            Vec::new(),
            b"\xff".repeat(600),
        ]);
        for message in wrong {
            assert_eq!(query.step(Event::Message(&message), 1), Action::Wait, "{message:?}");
        }
        // 0x20: the case of the name doesn't matter.
        assert_eq!(show(&query.step(Event::Message(&changed(13, b'A')), 1)), "answer");
    }

    #[test]
    fn a_server_that_fails_is_followed_by_the_next() {
        let mut query = query(3, true, false);
        query.step(Event::Begin, 1);
        let mut all = Vec::new();
        for code in [2, 5, 2, 4, 2, 2] {
            let message = answer(&query, code, false);
            all.push(show(&query.step(Event::Message(&message), 1)));
        }
        assert_eq!(all.join(" "), "2/Udp/3 3/Udp/3 1/Udp/11 3/Udp/11 3/Udp/45 ServerFailure");
    }

    #[test]
    fn a_name_that_does_not_exist_is_an_answer() {
        let mut query = query(2, true, true);
        query.step(Event::Begin, 1);
        let message = answer(&query, 3, false);
        assert_eq!(query.step(Event::Message(&message), 1), Action::Done(Ok(message)));
    }

    #[test]
    fn a_truncated_answer_is_requested_by_tcp() {
        let mut query = query(3, true, false);
        query.step(Event::Begin, 1);
        query.step(Event::TimedOut, 2);
        let message = answer(&query, 0, true);
        let mut all = vec![show(&query.step(Event::Message(&message), 3))];
        let message = answer(&query, 0, true);
        all.push(show(&query.step(Event::Message(&message), 4)));
        all.push(show(&query.step(Event::Message(b"junk"), 4)));
        all.push(show(&query.step(Event::TimedOut, 5)));
        assert_eq!(all.join(" "), "2/Tcp/10 3/Tcp/10 1/Tcp/10 Malformed");
    }

    #[test]
    fn a_server_that_rejects_edns_gets_the_plain_question() {
        let mut query = query(2, true, true);
        let mut all = vec![show(&query.step(Event::Begin, 1))];
        // Only the header comes back.
        let complaint = [&query.id.to_be_bytes()[..], &[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        all.push(show(&query.step(Event::Message(&complaint), query.id)));
        all.push(show(&query.step(Event::Message(&complaint), 3)));
        all.push(show(&query.step(Event::TimedOut, 4)));
        assert_eq!(all.join(" "), "1/Udp/3+ 1/Udp/3 2/Udp/3+ 2/Udp/11");
    }

    proptest! {
        #[test]
        fn every_question_ends(
            servers in 0..20_u8,
            recursive: bool,
            extended: bool,
            events in proptest::collection::vec(0..10_u8, 300),
        ) {
            let mut query = query(servers, recursive, extended);
            let mut action = query.step(Event::Begin, 1);
            let mut asked = 0;
            for event in events {
                if matches!(action, Action::Done(_)) {
                    break;
                }
                asked += u32::from(matches!(action, Action::Ask(_)));
                let message = answer(&query, event.min(6), event == 9);
                action = match event {
                    0 | 3 => query.step(Event::TimedOut, 5),
                    7 => query.step(Event::Unreachable, 6),
                    8 => query.step(Event::Message(b"junk"), 7),
                    _ => query.step(Event::Message(&message), 7),
                };
            }
            // Four rounds, one more question for each server that rejects EDNS, one by TCP.
            prop_assert!(asked <= 6 * 16, "a question is asked at most six times of each of 16 servers: {asked}");
            prop_assert!(matches!(action, Action::Done(_)) || asked < 6 * 16, "every question ends");
        }
    }
}
