//! `s6-dnsq` and `s6-dnsqr`: answers in full.

use simple_dns::RCODE;

use crate::network::{Network, same};
use crate::server::Server;
use crate::zone::response;
use crate::{Outcome, Test};

pub const TESTS: &[(&str, Test)] = &[
    ("show::answers_in_full", answers_in_full),
    ("show::failures", failures),
    ("show::the_way_there", the_way_there),
];

fn answers_in_full(network: &Network) -> Outcome {
    same(
        &network.run("s6-dnsqr a Alias.example")?,
        "100 bytes, 1+4+0+0 records, response, rd, ra, noerror\n\
         query: 1 alias.example.\n\
         answer: alias.example. 3600 CNAME middle.example.\n\
         answer: middle.example. 3600 CNAME a.example.\n\
         answer: a.example. 3600 A 10.0.0.1\n\
         answer: a.example. 3600 A 10.0.0.2\n",
    )?;
    let asked = network.server.take_asked();
    same(&format!("{} {:?}", asked[0].is_recursive, asked[0].promises), "true None")?;
    same(
        &network.run("s6-dnsq 16 a.example 127.0.0.1")?,
        "72 bytes, 1+2+0+0 records, response, weird ra, noerror\n\
         query: 16 a.example.\n\
         answer: a.example. 3600 TXT \"v=spf1-all\"\n\
         answer: a.example. 3600 TXT \"say|hi|\"\n",
    )?;
    let asked = network.server.take_asked();
    same(&format!("{} {:?}", asked[0].is_recursive, asked[0].promises), "false None")?;
    same(
        &network.run("s6-dnsq A no.example 127.0.0.1")?,
        "28 bytes, 1+0+0+0 records, response, weird ra, nxdomain\nquery: 1 no.example.\n",
    )?;
    // Several servers in one word or more; the first one that answers.
    let told = network.run("s6-dnsq NS a.example 127.0.0.9,127.0.0.8 127.0.0.1")?;
    same(told.lines().last().unwrap_or_default(), "answer: a.example. 3600 NS ns1.example.")
}

fn failures(network: &Network) -> Outcome {
    same(
        &network.run("s6-dnsq A a.example 127.0.0.9")?,
        "s6-dnsq: fatal: unable to resolve a.example. of type 1: no available DNS server\n2\n",
    )?;
    Server::start([127, 0, 0, 2], |asked| {
        let mut message = response(asked, RCODE::NoError, &[]);
        message[7] = 1;
        vec![message]
    })?;
    same(
        &network.run("s6-dnsq A a.example 127.0.0.2")?,
        "27 bytes, 1+1+0+0 records, response, weird ra, noerror\n\
         query: 1 a.example.\n\
         s6-dnsq: fatal: unable to read the answer: malformed packet\n111\n",
    )?;
    Server::start([127, 0, 0, 3], |_| Vec::new())?;
    same(
        &network.run("s6-dnsq -t 50 A a.example 127.0.0.3")?,
        "s6-dnsq: fatal: unable to resolve a.example. of type 1: query timed out\n99\n",
    )
}

fn the_way_there(network: &Network) -> Outcome {
    let query = "27 bytes, 1+0+0+0 records, noerror\nquery: 15 a.example.\n";
    let answer = network.run("s6-dnsq MX a.example 127.0.0.1")?;
    // What comes in is shown as an answer to a recursive question, since the question isn't known then.
    let received = answer.replace("weird ra", "ra");
    let asking = format!("asking 127.0.0.1 by UDP:\n{query}\nasked 127.0.0.1 by UDP, waiting up to 1 s\n\n");
    for (level, expected) in [
        ("0", answer.clone()),
        ("1", format!("received:\n{received}\n{answer}")),
        ("2", format!("{asking}{answer}")),
        ("3", format!("{asking}received:\n{received}\n{answer}")),
    ] {
        same(&network.run(&format!("s6-dnsq -1 -D {level} MX a.example 127.0.0.1"))?, &expected)?;
    }
    same(&network.run("s6-dnsq -D 2 MX a.example 127.0.0.1")?, &format!("{answer}{asking}"))
}
