//! What the server at 127.0.0.1 knows, and how answers are made.

use simple_dns::rdata::{A, AAAA, CNAME, MX, NS, PTR, RData, SOA, SRV, TXT};
use simple_dns::{CLASS, CharacterString, Name, Packet, PacketFlag, RCODE, ResourceRecord};

use crate::server::Asked;

/// One record a line: name, type, data.
const RECORDS: &str = r"
a.example A 10.0.0.1
a.example A 10.0.0.2
a.example AAAA 2001:db8::1
a.example MX 10 mail.example
a.example MX 20 Mail2.Example
a.example NS ns1.example
a.example SOA ns1.example hostmaster.example 2026 1 2 3 4
a.example TXT v=spf1 -all
a.example TXT say |hi|
_smtp._tcp.a.example SRV 1 2 25 mail.example
only4.example A 10.0.0.4
only6.example AAAA 2001:db8::6
nothing.example TXT x
alias.example CNAME middle.example
middle.example CNAME a.example
loop1.example CNAME loop2.example
loop2.example CNAME loop1.example
host.search.example A 10.0.0.7
host A 10.0.0.8
here.second.example A 10.0.0.9
1.0.0.10.in-addr.arpa PTR a.example
1.0.0.10.in-addr.arpa PTR other.example
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR six.example
mapped.example AAAA ::ffff:10.0.0.1
";

/// The data of a line.
fn data<'a>(rtype: &str, words: &[&'a str]) -> RData<'a> {
    let name = |at: usize| Name::new(words[at]).unwrap();
    let number = |at: usize| words[at].parse::<u16>().unwrap();
    match rtype {
        "A" => RData::A(A::from(words[0].parse::<std::net::Ipv4Addr>().unwrap())),
        "AAAA" => RData::AAAA(AAAA::from(words[0].parse::<std::net::Ipv6Addr>().unwrap())),
        "CNAME" => RData::CNAME(CNAME(name(0))),
        "NS" => RData::NS(NS(name(0))),
        "PTR" => RData::PTR(PTR(name(0))),
        "MX" => RData::MX(MX { preference: number(0), exchange: name(1) }),
        "SRV" => RData::SRV(SRV { priority: number(0), weight: number(1), port: number(2), target: name(3) }),
        "SOA" => RData::SOA(SOA {
            mname: name(0),
            rname: name(1),
            serial: number(2).into(),
            refresh: number(3).into(),
            retry: number(4).into(),
            expire: number(5).into(),
            minimum: number(6).into(),
        }),
        "TXT" => {
            let strings = words.iter().map(|word| CharacterString::new(word.as_bytes()).unwrap());
            RData::TXT(strings.fold(TXT::new(), TXT::with_char_string))
        }
        other => unreachable!("{other}"),
    }
}

/// A response to a question, with these records (`NAME TYPE DATA...`) in its answer section.
pub fn response(asked: &Asked, rcode: RCODE, records: &[&str]) -> Vec<u8> {
    let question = Packet::parse(&asked.message).unwrap();
    let mut packet = Packet::new_reply(asked.id);
    packet.questions = question.questions.clone();
    packet.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if asked.is_recursive {
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    *packet.rcode_mut() = rcode;
    for line in records {
        let words: Vec<_> = line.split(' ').collect();
        let (name, rtype, rest) = (words[0], words[1], &words[2..]);
        packet.answers.push(ResourceRecord::new(
            Name::new(name).unwrap(),
            CLASS::IN,
            3600,
            data(rtype, rest),
        ));
    }
    packet.build_bytes_vec_compressed().unwrap()
}

/// The zone's answer: the records of the name, behind the aliases that lead to them.
pub fn answer(asked: &Asked) -> Vec<Vec<u8>> {
    let lines = || RECORDS.lines().filter(|line| !line.is_empty());
    let of = |name: &str, rtype: &str| {
        let start = format!("{name} {rtype} ");
        lines().filter(move |line| line.starts_with(&start)).collect::<Vec<_>>()
    };
    let mut name = asked.name.clone();
    let mut found = Vec::new();
    // chain0 is an alias of chain1, and so on; chain17 has an address.
    if let Some(first) =
        name.strip_prefix("chain").and_then(|rest| rest.strip_suffix(".example")?.parse::<u8>().ok())
    {
        let mut found: Vec<_> =
            (first..17).map(|n| format!("chain{n}.example CNAME chain{}.example", n + 1)).collect();
        found.push(String::from("chain17.example A 10.0.0.17"));
        return vec![response(asked, RCODE::NoError, &found.iter().map(String::as_str).collect::<Vec<_>>())];
    }
    for _ in 0..5 {
        let alias = of(&name, "CNAME");
        let Some(next) = alias.first().and_then(|line| line.split(' ').nth(2)) else { break };
        name = next.to_owned();
        found.extend(alias);
    }
    found.extend(of(&name, &asked.rtype));
    let exists = lines().any(|line| line.starts_with(&format!("{} ", asked.name)));
    vec![response(asked, if exists { RCODE::NoError } else { RCODE::NameError }, &found)]
}
