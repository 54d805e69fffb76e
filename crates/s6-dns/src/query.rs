//! A question on its way: whom to ask next, how, and for how long to wait.  Pure; [`crate::exchange`] does it.
//!
//! Servers are asked in their order, by UDP; one that doesn't answer in time, can't be reached or has a problem is
//! asked again in the next round, with more patience; one that refuses or doesn't understand is left alone.  The
//! patience of the rounds is 1, 3, 11 and 45 seconds; a question to caches begins with the second, since a cache has
//! to ask others.  An answer that didn't fit is asked for by TCP, each server once, beginning with the one that has it.
//!
//! The first round says that large datagrams are welcome (EDNS).  Servers or firewalls that can't stand that
//! get the plain question: at once if they complain, else in the next round.

use crate::failure::Failure;
use crate::message::Question;
use std::net::IpAddr;
use std::time::Duration;

/// How many servers there are at most.
pub const MOST_SERVERS: usize = 16;

/// How long a server may take, by round.
const PATIENCE: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(11), Duration::from_secs(45)];
/// How long a server may take to let us connect, and then to answer, by TCP.
const TCP_PATIENCE: Duration = Duration::from_secs(10);

/// How a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram, from a port of its own.
    Udp,
    /// A connection.
    Tcp,
}

/// What has happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The question is asked for the first time.
    Begin,
    /// A message came from the server that was asked.
    Message(&'a [u8]),
    /// The server couldn't be reached, or the connection broke.
    Unreachable,
    /// The server's time is over.
    Expired,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask this server, and forget the one before.
    Ask(Ask),
    /// Go on waiting: that was no answer.
    Wait,
    /// This is the end.
    Done(Result<Vec<u8>, Failure>),
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Whom.
    pub server: IpAddr,
    /// How.
    pub transport: Transport,
    /// What to send.
    pub message: Vec<u8>,
    /// How long to wait.
    pub patience: Duration,
}

#[derive(Debug)]
struct Server {
    address: IpAddr,
    /// It was asked for large datagrams and complained.
    is_plain: bool,
    /// It refuses or doesn't understand.
    is_out: bool,
}

/// A question on its way.
#[derive(Debug)]
pub struct Query {
    question: Question,
    servers: Vec<Server>,
    extended: bool,
    round: usize,
    /// The server that is asked, and how many were asked in this round.
    at: usize,
    asked: usize,
    transport: Transport,
    id: u16,
    /// What servers answered that is no answer.
    complaint: Option<Failure>,
}

impl Query {
    /// A question to these servers, of which the first [`MOST_SERVERS`] count; `extended` allows EDNS.
    #[must_use]
    pub fn new(question: Question, servers: &[IpAddr], extended: bool) -> Self {
        let server = |address: &IpAddr| Server { address: *address, is_plain: false, is_out: false };
        let round = usize::from(question.recursive);
        let servers = servers.iter().take(MOST_SERVERS).map(server).collect();
        let transport = Transport::Udp;
        Self { question, servers, extended, round, at: 0, asked: 0, transport, id: 0, complaint: None }
    }

    /// The question.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Takes an event; `id` is a random number that a new try may use.
    pub fn step(&mut self, event: Event<'_>, id: u16) -> Action {
        match event {
            Event::Begin => self.ask(id),
            Event::Message(message) => self.receive(message, id),
            Event::Unreachable | Event::Expired => self.next(id),
        }
    }

    fn receive(&mut self, message: &[u8], id: u16) -> Action {
        let Some(reply) = self.question.reply(self.id, message) else {
            // A datagram may be forged; a connection is the server's.
            return match self.transport {
                Transport::Udp => Action::Wait,
                Transport::Tcp => self.complain(Failure::Malformed, id),
            };
        };
        let was_extended = self.is_extended();
        if reply.is_truncated {
            return match self.transport {
                Transport::Tcp => self.complain(Failure::Malformed, id),
                Transport::Udp => {
                    (self.transport, self.asked) = (Transport::Tcp, 0);
                    self.ask(id)
                }
            };
        }
        match reply.code {
            0 | 3 => Action::Done(Ok(message.to_vec())),
            1 | 4 if was_extended => {
                if let Some(server) = self.servers.get_mut(self.at) {
                    server.is_plain = true;
                }
                self.ask(id)
            }
            code => {
                if let (1 | 4 | 5, Some(server)) = (code, self.servers.get_mut(self.at)) {
                    server.is_out = true;
                }
                self.complain(Failure::from_code(code), id)
            }
        }
    }

    fn complain(&mut self, failure: Failure, id: u16) -> Action {
        self.complaint = Some(failure);
        self.next(id)
    }

    fn is_extended(&self) -> bool {
        let first = usize::from(self.question.recursive);
        let plain = self.servers.get(self.at).is_none_or(|server| server.is_plain);
        self.extended && !plain && (self.round == first || self.transport == Transport::Tcp)
    }

    /// Asks the next server.
    fn next(&mut self, id: u16) -> Action {
        self.at += 1;
        self.asked += 1;
        self.ask(id)
    }

    /// Asks the server at hand, or the next one that there is.
    fn ask(&mut self, id: u16) -> Action {
        loop {
            if self.asked >= self.servers.len() {
                (self.asked, self.round) = (0, self.round + 1);
                if self.transport == Transport::Tcp || self.servers.iter().all(|server| server.is_out) {
                    break;
                }
            }
            if self.at >= self.servers.len() {
                self.at = 0;
            }
            let patience = match self.transport {
                Transport::Udp => PATIENCE.get(self.round).copied(),
                Transport::Tcp => Some(TCP_PATIENCE),
            };
            let (Some(server), Some(patience)) = (self.servers.get(self.at), patience) else { break };
            if !server.is_out {
                self.id = id;
                let (server, transport) = (server.address, self.transport);
                let message = self.question.message(id, self.is_extended());
                return Action::Ask(Ask { server, transport, message, patience });
            }
            self.at += 1;
            self.asked += 1;
        }
        Action::Done(Err(self.complaint.unwrap_or(Failure::NoServer)))
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

    /// An answer to the last try.
    fn answer(query: &Query, code: u8, truncated: bool) -> Vec<u8> {
        let mut message = query.question.message(query.id, false);
        message[2] |= 0x80 | u8::from(truncated) << 1;
        message[3] |= code;
        message
    }

    /// Whom it asks, as `SERVER/TRANSPORT/SECONDS/SIZE`.
    fn told(action: &Action) -> String {
        match action {
            Action::Wait => "wait".into(),
            Action::Done(Ok(_)) => "answer".into(),
            Action::Done(Err(failure)) => format!("{failure:?}"),
            Action::Ask(ask) => {
                let IpAddr::V4(server) = ask.server else { unreachable!() };
                let (transport, seconds) = (ask.transport, ask.patience.as_secs());
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
            let mut all = vec![told(&query.step(Event::Begin, 1))];
            while !all.last().unwrap().contains("NoServer") {
                all.push(told(
                    &query.step(if all.len() % 2 == 0 { Event::Expired } else { Event::Unreachable }, 7),
                ));
            }
            assert_eq!(all.join(" "), expected);
        }
        assert_eq!(told(&query(0, true, true).step(Event::Begin, 1)), "NoServer");
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
        assert_eq!(told(&query.step(Event::Message(&changed(13, b'A')), 1)), "answer");
    }

    #[test]
    fn problems_lead_to_the_next_server() {
        let mut query = query(3, true, false);
        query.step(Event::Begin, 1);
        let mut all = Vec::new();
        for code in [2, 5, 2, 4, 2, 2] {
            let message = answer(&query, code, false);
            all.push(told(&query.step(Event::Message(&message), 1)));
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
    fn what_is_truncated_is_asked_for_by_tcp() {
        let mut query = query(3, true, false);
        query.step(Event::Begin, 1);
        query.step(Event::Expired, 2);
        let message = answer(&query, 0, true);
        let mut all = vec![told(&query.step(Event::Message(&message), 3))];
        let message = answer(&query, 0, true);
        all.push(told(&query.step(Event::Message(&message), 4)));
        all.push(told(&query.step(Event::Message(b"junk"), 4)));
        all.push(told(&query.step(Event::Expired, 5)));
        assert_eq!(all.join(" "), "2/Tcp/10 3/Tcp/10 1/Tcp/10 Malformed");
    }

    #[test]
    fn plain_questions_for_those_who_want_them() {
        let mut query = query(2, true, true);
        let mut all = vec![told(&query.step(Event::Begin, 1))];
        // Only the header comes back.
        let complaint = [&query.id.to_be_bytes()[..], &[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        all.push(told(&query.step(Event::Message(&complaint), query.id)));
        all.push(told(&query.step(Event::Message(&complaint), 3)));
        all.push(told(&query.step(Event::Expired, 4)));
        assert_eq!(all.join(" "), "1/Udp/3+ 1/Udp/3 2/Udp/3+ 2/Udp/11");
    }

    proptest! {
        #[test]
        fn every_question_comes_to_an_end(
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
                    0 | 3 => query.step(Event::Expired, 5),
                    7 => query.step(Event::Unreachable, 6),
                    8 => query.step(Event::Message(b"junk"), 7),
                    _ => query.step(Event::Message(&message), 7),
                };
            }
            // Four rounds, one question more for each complaint, one by TCP.
            prop_assert!(asked <= 6 * 16, "a question is asked at most six times of each of 16 servers: {asked}");
            prop_assert!(matches!(action, Action::Done(_)) || asked < 6 * 16, "a question comes to an end");
        }
    }
}
