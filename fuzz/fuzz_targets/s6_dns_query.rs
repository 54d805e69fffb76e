//! Whatever happens, a question ends, and never with an answer to another question.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use s6_dns::message::Question;
use s6_dns::name::Name;
use s6_dns::query::{Action, Event, Query};
use std::net::IpAddr;

#[derive(Debug, Arbitrary)]
enum Occurrence<'a> {
    Message(&'a [u8]),
    /// A message that begins like an answer: two bytes of flags, and what follows the question.
    Reply(u8, u8, &'a [u8]),
    Unreachable,
    TimedOut,
}

fuzz_target!(|data: (u8, bool, bool, Vec<Occurrence<'_>>)| {
    let (servers, recursive, allows_edns, occurrences) = data;
    let servers: Vec<_> = (0..servers % 20).map(|n| IpAddr::from([10, 0, 0, n])).collect();
    let question = Question { name: Name::from_text(b"a.example").unwrap(), rtype: 1, recursive };
    let mut query = Query::new(question.clone(), &servers, allows_edns);
    let mut action = query.step(Event::Begin, 7);
    let mut asked = 0;
    for occurrence in occurrences {
        match &action {
            Action::Done(_) => break,
            Action::Ask(_) => asked += 1,
            Action::Wait => {}
        }
        let mut reply = question.message(7, false);
        let event = match occurrence {
            Occurrence::Message(message) => Event::Message(message),
            Occurrence::Reply(high, low, rest) => {
                reply[2] = high;
                reply[3] = low;
                reply.extend_from_slice(rest);
                Event::Message(&reply)
            }
            Occurrence::Unreachable => Event::Unreachable,
            Occurrence::TimedOut => Event::TimedOut,
        };
        action = query.step(event, 7);
        if let Action::Done(Ok(message)) = &action {
            assert!(question.reply(7, message).is_some_and(|reply| !reply.is_truncated));
        }
    }
    assert!(asked <= 6 * 16, "{asked}");
});
