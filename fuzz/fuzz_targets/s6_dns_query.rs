//! A question on its way through any events comes to an end, and never to an answer that isn't to it.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use s6_dns::message::Question;
use s6_dns::name::Name;
use s6_dns::query::{Action, Event, Query};
use std::net::IpAddr;

#[derive(Debug, Arbitrary)]
enum Happening<'a> {
    Message(&'a [u8]),
    /// A message that begins as the answer would.
    Reply(u8, u8, &'a [u8]),
    Unreachable,
    Expired,
}

fuzz_target!(|data: (u8, bool, bool, Vec<Happening<'_>>)| {
    let (servers, recursive, extended, happenings) = data;
    let servers: Vec<_> = (0..servers % 20).map(|n| IpAddr::from([10, 0, 0, n])).collect();
    let question = Question { name: Name::from_text(b"a.example").unwrap(), rtype: 1, recursive };
    let mut query = Query::new(question.clone(), &servers, extended);
    let mut action = query.step(Event::Begin, 7);
    let mut asked = 0;
    for happening in happenings {
        match &action {
            Action::Done(_) => break,
            Action::Ask(_) => asked += 1,
            Action::Wait => {}
        }
        let mut reply = question.message(7, false);
        let event = match happening {
            Happening::Message(message) => Event::Message(message),
            Happening::Reply(high, low, rest) => {
                reply[2] = high;
                reply[3] = low;
                reply.extend_from_slice(rest);
                Event::Message(&reply)
            }
            Happening::Unreachable => Event::Unreachable,
            Happening::Expired => Event::Expired,
        };
        action = query.step(event, 7);
        if let Action::Done(Ok(message)) = &action {
            assert!(question.reply(7, message).is_some_and(|reply| !reply.is_truncated));
        }
    }
    assert!(asked <= 6 * 16, "{asked}");
});
