//! Answers that are none: from somebody else, to another question, damaged.

use std::net::UdpSocket;

use simple_dns::RCODE;

use crate::network::{Network, same};
use crate::server::{Asked, Server};
use crate::zone::response;
use crate::{Outcome, Test};

pub const TESTS: &[(&str, Test)] = &[
    ("forged::wrong_answers_are_ignored", wrong_answers_are_ignored),
    ("forged::records_of_others_are_ignored", records_of_others_are_ignored),
    ("forged::damage_is_survived", damage_is_survived),
];

fn evil(asked: &Asked) -> Vec<u8> {
    response(asked, RCODE::NoError, &[&format!("{} A 10.66.66.66", asked.name)])
}

fn wrong_answers_are_ignored(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    Server::start([127, 0, 0, 2], |asked| {
        // From another address, and from another port of this one.
        for address in ["127.0.0.3:53", "127.0.0.2:5353"] {
            let other = UdpSocket::bind(address).unwrap();
            other.send_to(&evil(asked), asked.from).unwrap();
        }
        let wrong = |change: fn(&mut Vec<u8>)| {
            let mut message = evil(asked);
            change(&mut message);
            message
        };
        vec![
            wrong(|m| m[1] ^= 1),
            wrong(|m| m[2] &= 0x7f),
            wrong(|m| m[13] ^= 1),
            wrong(|m| m.truncate(11)),
            wrong(|m| m[5] = 0),
            b"\xff".repeat(3000),
            Vec::new(),
            response(asked, RCODE::NoError, &[&format!("{} A 10.2.2.2", asked.name)]),
            evil(asked),
        ]
    })?;
    same(&network.run("s6-dnsip4 a.example")?, "10.2.2.2\n")?;
    same(&network.run_with("s6-dnsip4-filter", &[], "b.example")?, "b.example=10.2.2.2\n")
}

fn records_of_others_are_ignored(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    Server::start([127, 0, 0, 2], |asked| {
        // The alias comes after what it leads to.
        vec![response(
            asked,
            RCODE::NoError,
            &[
                "bank.example A 10.66.66.66",
                "true.example A 10.2.2.2",
                "other.example CNAME bank.example",
                &format!("{} CNAME true.example", asked.name),
                "true.example TXT no",
            ],
        )]
    })?;
    same(&network.run("s6-dnsip4 a.example")?, "10.2.2.2\n")
}

fn damage_is_survived(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    Server::start([127, 0, 0, 2], |asked| {
        let question = response(asked, RCODE::NoError, &[]);
        let with = |count: u8, rest: &[u8]| {
            let mut message = [&question, rest].concat();
            message[7] = count;
            vec![message]
        };
        let name = asked.name.split('.').next().unwrap_or_default();
        let here = u8::try_from(question.len()).unwrap();
        match name {
            // A record is promised that isn't there.
            "short" => with(1, b""),
            // A name that points to itself, one that points forward, and a label of an unused kind.
            "loop" => with(1, &[0xc0, here, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]),
            "forward" => with(1, &[0xc0, here + 2, 0xc0, here, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]),
            "label" => with(1, &[0x80, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]),
            // An address of three bytes; data beyond the end.
            "three" => with(1, &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 3, 1, 2, 3]),
            "beyond" => with(1, &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4]),
            // A name with a line's end in it.
            _ => with(1, b"\xc0\x0c\0\x0c\0\x01\0\0\0\0\0\x06\x04a\n.\x1b\0"),
        }
    })?;
    for name in ["short", "loop", "forward", "label", "three", "beyond"] {
        same(
            &network.run(&format!("s6-dnsip4 {name}.example"))?,
            &format!("s6-dnsip4: fatal: unable to resolve {name}.example: malformed packet\n2\n"),
        )?;
    }
    same(&network.run("s6-dnsname 10.0.0.1")?, "a\\010\\.\\027.\n")
}
