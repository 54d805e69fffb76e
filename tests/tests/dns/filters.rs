//! The filters: formats, order, limits.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::Stdio;
use std::sync::mpsc::channel;

use simple_dns::RCODE;

use crate::network::{Network, same};
use crate::server::{Asked, Server, spawn};
use crate::zone::response;
use crate::{Outcome, Test};

pub const TESTS: &[(&str, Test)] = &[
    ("filters::formats", formats),
    ("filters::lines_without_a_word", lines_without_a_word),
    ("filters::order_and_limits", order_and_limits),
    ("filters::lines_come_out_as_they_are_done", lines_come_out_as_they_are_done),
    ("filters::usage", usage),
];

fn formats(network: &Network) -> Outcome {
    let input = "a.example one two\nno.example\tx\nnothing.example\nonly4.example.";
    same(
        &network.run_with("s6-dnsip4-filter", &[], input)?,
        "a.example=10.0.0.1 one two\nno.example=<no such domain>\tx\nnothing.example=\nonly4.example.=10.0.0.4\n",
    )?;
    same(
        &network.run_with("s6-dnsip6-filter -f %d%%%r -e %e|%s|%d|", &[], input)?,
        "2001:db8::1%one two\nno such domain|no.example||\n%\n%\n",
    )?;
    same(
        &network.run_with("s6-dnsname-filter -46", &[], "10.0.0.1: said\n2001:db8::1 x\n10.0.0.9\n")?,
        "10.0.0.1=a.example.: said\n2001:db8::1=six.example. x\n10.0.0.9=<no such domain>\n",
    )?;
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    Server::start([127, 0, 0, 2], |_| Vec::new())?;
    same(&network.run_with("s6-dnsip4-filter -t 50", &[], "a b\n")?, "a=<query timed out> b\n")
}

fn lines_without_a_word(network: &Network) -> Outcome {
    same(&network.run_with("s6-dnsip4-filter", &[], "\n a.example\n")?, "=\n= a.example\n")?;
    same(
        &network.run_with("s6-dnsname-filter -f %s|%d|%w%r", &[], "no address here\n::1\n10.0.0.1\n")?,
        "||no address here\n||::1\n10.0.0.1|a.example.|\n",
    )?;
    let long = "x".repeat(64);
    let told = network.run_with("s6-dnsip4-filter -e %s!%r", &[], &format!("{long} rest\n"))?;
    same(&told, &format!("{long}!rest\n"))?;
    same(&network.run_with("s6-dnsip6-filter", &[], "")?, "")
}

/// Answers only when as many questions wait as the filter may have, in the reverse order.
fn order_and_limits(network: &Network) -> Outcome {
    const LINES: usize = 24;
    const AT_ONCE: usize = 3;
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    let socket = UdpSocket::bind("127.0.0.2:53")?;
    let (peak, most) = channel();
    spawn(move || {
        let mut buf = [0; 512];
        let mut waiting = Vec::new();
        let mut most = 0;
        for left in (0..LINES).rev() {
            let (length, from) = socket.recv_from(&mut buf).unwrap();
            waiting.push(Asked::read(&buf[..length], from, false).unwrap());
            peak_of(&socket, &mut waiting, &mut most);
            if waiting.len() >= AT_ONCE || left == 0 {
                for asked in waiting.drain(..).rev() {
                    let number = asked.name.trim_start_matches('n').split('.').next().unwrap_or_default();
                    let line = format!("{} A 10.3.3.{number}", asked.name);
                    socket.send_to(&response(&asked, RCODE::NoError, &[&line]), asked.from).unwrap();
                }
            }
        }
        let _ = peak.send(most);
    });
    let input: String = (0..LINES).map(|n| format!("n{n}.example\n")).collect();
    let expected: String = (0..LINES).map(|n| format!("n{n}.example=10.3.3.{n}\n")).collect();
    same(&network.run_with(&format!("s6-dnsip4-filter -c {AT_ONCE} -l 4"), &[], &input)?, &expected)?;
    same(&most.recv()?.to_string(), &AT_ONCE.to_string())
}

/// Notes how many questions wait, those included that weren't read yet.
fn peak_of(socket: &UdpSocket, waiting: &mut [Asked], most: &mut usize) {
    socket.set_nonblocking(true).unwrap();
    let unread = usize::from(socket.peek(&mut [0]).is_ok());
    socket.set_nonblocking(false).unwrap();
    *most = (*most).max(waiting.len() + if waiting.len() == 3 { unread } else { 0 });
}

/// A line is printed while the input is still open.
fn lines_come_out_as_they_are_done(network: &Network) -> Outcome {
    let mut command = network.command("s6-dnsip4-filter");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    let mut output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
    for _ in 0..3 {
        input.write_all(b"only4.example x\n")?;
        let mut line = String::new();
        output.read_line(&mut line)?;
        same(&line, "only4.example=10.0.0.4 x\n")?;
    }
    drop(input);
    same(&child.wait()?.to_string(), "exit status: 0")
}

fn usage(network: &Network) -> Outcome {
    for line in ["s6-dnsip4-filter -4", "s6-dnsip6-filter -l x", "s6-dnsname-filter -c 65536", "skadnsd -x"] {
        let told = network.run(line)?;
        same(told.lines().last().unwrap_or_default(), "100")?;
    }
    let told = network.run("s6-dnsip4-filter -f %x")?;
    same(told.lines().last().unwrap_or_default(), "111")
}
