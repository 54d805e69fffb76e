//! Whom the tools ask: several servers, silent ones, ones with problems, old ones, big answers.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Mutex;

use libtest_mimic::Failed;
use simple_dns::RCODE;

use crate::network::{Network, same, told};
use crate::server::{Asked, Server};
use crate::zone::response;
use crate::{Outcome, Test};

pub const TESTS: &[(&str, Test)] = &[
    ("servers::the_next_one_helps", the_next_one_helps),
    ("servers::nobody_helps", nobody_helps),
    ("servers::a_silent_one_is_left", a_silent_one_is_left),
    ("servers::time_outs", time_outs),
    ("servers::big_answers_come_by_tcp", big_answers_come_by_tcp),
    ("servers::big_datagrams_are_welcome", big_datagrams_are_welcome),
    ("servers::old_ones_get_plain_questions", old_ones_get_plain_questions),
    ("servers::ids_and_ports_are_random", ids_and_ports_are_random),
    ("servers::options_set_time_outs_rounds_and_the_first", options_set_time_outs_rounds_and_the_first),
    ("servers::the_environment_names_them", the_environment_names_them),
];

fn one(asked: &Asked) -> Vec<Vec<u8>> {
    vec![response(asked, RCODE::NoError, &[&format!("{} A 10.2.2.2", asked.name)])]
}

fn the_next_one_helps(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.3\nnameserver 127.0.0.4\nnameserver 127.0.0.2\n")?;
    // Nothing listens at 127.0.0.3; 127.0.0.4 has problems.
    let bad = Server::start([127, 0, 0, 4], |asked| vec![response(asked, RCODE::ServerFailure, &[])])?;
    Server::start([127, 0, 0, 2], one)?;
    same(&network.run("s6-dnsip4 a.example")?, "10.2.2.2\n")?;
    same(&bad.take_asked().len().to_string(), "1")
}

fn nobody_helps(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\nnameserver 127.0.0.4\n")?;
    let servers = [
        Server::start([127, 0, 0, 2], |asked| vec![response(asked, RCODE::Refused, &[])])?,
        Server::start([127, 0, 0, 4], |asked| vec![response(asked, RCODE::ServerFailure, &[])])?,
    ];
    let expected = "unable to resolve a.example: server failure\n2\n";
    same(&network.run("s6-dnsip4 a.example")?, &format!("s6-dnsip4: fatal: {expected}"))?;
    // One refuses, which is once and for all; the other one may get better.
    same(&servers.map(|server| server.take_asked().len().to_string()).join(" "), "1 3")?;
    network.etc("resolv.conf", "nameserver 127.0.0.7\n")?;
    let expected = "unable to resolve a.example: no available DNS server\n111\n";
    same(&network.run("s6-dnsmx a.example")?, &format!("s6-dnsmx: fatal: {expected}"))
}

fn a_silent_one_is_left(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\nnameserver 127.0.0.1\n")?;
    let silent = Server::start([127, 0, 0, 2], |_| Vec::new())?;
    same(&network.run("s6-dnsip4 only4.example")?, "10.0.0.4\n")?;
    same(&silent.take_asked().len().to_string(), "1")
}

fn time_outs(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    Server::start([127, 0, 0, 2], |asked| if asked.rtype == "A" { one(asked) } else { Vec::new() })?;
    same(
        &network.run("s6-dnsip6 -t 50 a.example")?,
        "s6-dnsip6: fatal: unable to resolve a.example: query timed out\n99\n",
    )?;
    // Both families are wanted, and one has no answer.
    same(
        &network.run("s6-dnsip -t 50 a.example")?,
        "s6-dnsip: fatal: unable to resolve a.example: query timed out\n99\n",
    )?;
    same(&network.run("s6-dnsip4 -t 60000 a.example")?, "10.2.2.2\n")
}

fn options_set_time_outs_rounds_and_the_first(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\noptions timeout:1 attempts:2\n")?;
    let silent = Server::start([127, 0, 0, 2], |_| Vec::new())?;
    let expected = "unable to resolve a.example: no available DNS server\n111\n";
    same(&network.run("s6-dnsip4 a.example")?, &format!("s6-dnsip4: fatal: {expected}"))?;
    same(&silent.take_asked().len().to_string(), "2")?;
    network.etc("resolv.conf", "nameserver 127.0.0.3\nnameserver 127.0.0.4\noptions rotate\n")?;
    let [third, fourth] = [3, 4].map(|n| Server::start([127, 0, 0, n], one));
    let (third, fourth) = (third?, fourth?);
    let (mut asked_third, mut asked_fourth) = (false, false);
    while !(asked_third && asked_fourth) {
        same(&network.run("s6-dnsip4 a.example")?, "10.2.2.2\n")?;
        asked_third |= !third.take_asked().is_empty();
        asked_fourth |= !fourth.take_asked().is_empty();
    }
    Ok(())
}

/// More than a datagram holds.
fn many(asked: &Asked) -> Vec<u8> {
    let lines: Vec<_> = (0..200).map(|n| format!("{} A 10.1.0.{n}", asked.name)).collect();
    response(asked, RCODE::NoError, &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

fn truncated(asked: &Asked) -> Vec<u8> {
    let mut message = response(asked, RCODE::NoError, &[]);
    message[2] |= 2;
    message
}

fn big_answers_come_by_tcp(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    let server = Server::start([127, 0, 0, 2], |asked| {
        vec![if asked.by_tcp { many(asked) } else { truncated(asked) }]
    })?;
    same(&network.run("s6-dnsip4 big.example")?.lines().count().to_string(), "200")?;
    let asked: Vec<_> = server.take_asked().iter().map(Asked::what).collect();
    same(&asked.join(" "), "big.example/A big.example/A/tcp")?;
    same(&network.run("s6-dnsq A big.example 127.0.0.2")?.lines().count().to_string(), "202")?;
    // Truncated for ever.
    Server::start([127, 0, 0, 3], |asked| vec![truncated(asked)])?;
    network.etc("resolv.conf", "nameserver 127.0.0.3\n")?;
    same(
        &network.run("s6-dnsip4 a.example")?,
        "s6-dnsip4: fatal: unable to resolve a.example: malformed packet\n2\n",
    )
}

fn big_datagrams_are_welcome(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    let server = Server::start([127, 0, 0, 2], |asked| {
        let lines: Vec<_> = (0..60).map(|n| format!("{} A 10.1.0.{n}", asked.name)).collect();
        let message = response(asked, RCODE::NoError, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let fits = message.len() <= asked.promises.unwrap_or(512).into();
        vec![if fits || asked.by_tcp { message } else { truncated(asked) }]
    })?;
    same(&network.run("s6-dnsip4 big.example")?.lines().count().to_string(), "60")?;
    same(&server.take_asked().iter().map(Asked::what).collect::<Vec<_>>().join(" "), "big.example/A")
}

fn old_ones_get_plain_questions(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    let server = Server::start([127, 0, 0, 2], |asked| match asked.promises {
        Some(_) => {
            let mut header = response(asked, RCODE::FormatError, &[])[..12].to_vec();
            header[5] = 0;
            vec![header]
        }
        None => one(asked),
    })?;
    same(&network.run("s6-dnsip4 a.example")?, "10.2.2.2\n")?;
    let promises: Vec<_> = server.take_asked().iter().map(|asked| format!("{:?}", asked.promises)).collect();
    same(&promises.join(" "), "Some(1232) None")
}

fn ids_and_ports_are_random(network: &Network) -> Outcome {
    let input: String = (0..64).map(|n| format!("n{n}.example\n")).collect();
    network.run_with("s6-dnsip4-filter", &[], &input)?;
    let asked = network.server.take_asked();
    same(&asked.len().to_string(), "64")?;
    let ids: BTreeSet<_> = asked.iter().map(|asked| asked.id).collect();
    let ports: BTreeSet<_> = asked.iter().map(|asked| asked.from.port()).collect();
    // Of 64 random numbers below 64,500 hardly any are equal, and they aren't all in a small range.
    let wide = |set: &BTreeSet<u16>| set.len() > 60 && set.last() > set.first().map(|n| n + 16_000).as_ref();
    if wide(&ids) && wide(&ports) { Ok(()) } else { Err(format!("{ids:?} {ports:?}").into()) }
}

fn the_environment_names_them(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.7\n")?;
    let run = |list| network.run_with("s6-dnsip4 only4.example", &[("DNSCACHEIP", list)], "");
    same(&run("127.0.0.9,127.0.0.1")?, "10.0.0.4\n")?;
    same(&run(" \t127.0.0.8;127.0.0.1\r\n")?, "10.0.0.4\n")?;
    let warning = "s6-dnsip4: warning: DNSCACHEIP: 127.0.0.9#53 is ignored: it is no IP address\n";
    same(&run("127.0.0.9#53,127.0.0.1")?, &format!("10.0.0.4\n{warning}"))?;
    network.etc("resolv.conf", "nameserver 127.0.0.1\n")?;
    same(&run("")?, "10.0.0.4\n")?;
    // Without any, the machine itself is asked.
    std::fs::remove_file("/etc/resolv.conf")?;
    same(&network.run("s6-dnsip4 only4.example")?, "10.0.0.4\n")?;
    answers_a_closed_pipe(network)
}

/// A reader that goes away ends the tool, by SIGPIPE.
fn answers_a_closed_pipe(network: &Network) -> Result<(), Failed> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let ended = Mutex::new(network.command("s6-randomip").stdout(writer).stderr(Stdio::piped()).output()?);
    let told = told(&ended.into_inner()?);
    if told.contains("signal: 13") || told.contains("Broken pipe") { Ok(()) } else { Err(told.into()) }
}
