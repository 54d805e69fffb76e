//! The network commands with peers that a shell can't be: time servers, a crowd of TCP clients, two servers on one
//! socket.  They run outside of a container, on ports of 127.0.0.0/8 that the system chooses.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Pid, Signal, kill_process};
use s6_networking::clock;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("network::an_sntp_server_a_thousand_seconds_ahead", ahead),
    ("network::an_sntp_server_that_misleads_first", misleading),
    ("network::an_sntp_server_that_refuses", refusing),
    ("network::of_a_thousand_clients_from_ten_addresses_six_hundred_are_served", crowd),
    ("network::a_reload_loses_no_connection", reload),
];

/// How long a step may take; far more than any needs.
const LIMIT: Duration = Duration::from_secs(60);

fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}

/// An SNTP answer to a query, by a clock that is so many seconds ahead.
fn answer(query: &[u8], ahead: u64) -> [u8; 48] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
    let stamp = ((now.as_secs() + 2_208_988_800 + ahead) << 32) | fraction;
    let mut packet = [0; 48];
    (packet[0], packet[1]) = (0x24, 1);
    packet[24..32].copy_from_slice(&query[40..48]);
    packet[32..40].copy_from_slice(&stamp.to_be_bytes());
    packet[40..48].copy_from_slice(&stamp.to_be_bytes());
    packet
}

/// Runs s6-sntpclock against a server that sends what `replies` gives for the query of that number.
#[expect(clippy::disallowed_methods, reason = "an ordinary test program")]
fn ask(
    images: &Images,
    options: &[&str],
    replies: impl Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> Result<Output, String> {
    let server = UdpSocket::bind("127.0.0.1:0").map_err(text)?;
    let port = server.local_addr().map_err(text)?.port().to_string();
    let stop = server.try_clone().map_err(text)?;
    let serving = thread::spawn(move || {
        let mut packet = [0; 100];
        let mut number = 0;
        // A single byte ends it.
        while let Ok((48, from)) = server.recv_from(&mut packet) {
            for reply in replies(number, &packet[..48]) {
                let _ = server.send_to(&reply, from);
            }
            number += 1;
        }
    });
    let mut command = Command::new(images.distribution.join("command/s6-sntpclock"));
    let output = command.args(options).args(["-p", &port, "127.0.0.1"]).output().map_err(text);
    UdpSocket::bind("127.0.0.1:0").and_then(|end| end.send_to(b"x", stop.local_addr()?)).map_err(text)?;
    serving.join().map_err(|_| "the server panicked")?;
    output
}

/// The seconds that s6-sntpclock found.
fn seconds(output: &Output) -> Result<i128, String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let found = clock::unpack(&output.stdout).ok_or_else(|| format!("no time difference: {said}"))?;
    Ok((found + 500_000_000).div_euclid(1_000_000_000))
}

fn ahead(images: &Images) -> Outcome {
    let output = ask(images, &["-e", "10000"], |_, query| vec![answer(query, 1000).to_vec()])?;
    same(seconds(&output)?, 1000, "the difference")
}

/// Answers to no query, to an older one, too short ones and those of an unset clock come before the right one.
fn misleading(images: &Images) -> Outcome {
    let replies = |_, query: &[u8]| {
        let right = answer(query, 5);
        let (mut other, mut unset, mut asking) = (right, right, right);
        other[31] ^= 1;
        unset[0] = 0xe4;
        asking[0] = 0x23;
        vec![
            other.to_vec(),
            unset.to_vec(),
            asking.to_vec(),
            right[..47].to_vec(),
            Vec::new(),
            right.to_vec(),
        ]
    };
    let output = ask(images, &["-e", "10000", "-r", "3", "-v", "2"], replies)?;
    same(String::from_utf8_lossy(&output.stderr).as_ref(), "", "what is said")?;
    same(seconds(&output)?, 5, "the difference")
}

fn refusing(images: &Images) -> Outcome {
    let refuse = |_, query: &[u8]| {
        let mut packet = answer(query, 0);
        packet[1] = 0;
        vec![packet.to_vec()]
    };
    let output = ask(images, &["-r", "2", "-t", "100"], refuse)?;
    same(output.status.code(), Some(1), "the code")?;
    same(output.stdout.len(), 0, "what is written")
}

/// A client from this address, and whether it gets its byte back; `false` if the connection is closed instead.
fn client(from: SocketAddr, to: SocketAddr) -> Result<(TcpStream, bool), String> {
    let own = socket(AddressFamily::INET, SocketType::STREAM, None).map_err(text)?;
    bind(&own, &from).and_then(|()| connect(&own, &to)).map_err(text)?;
    let mut stream = TcpStream::from(own);
    let served = exchange(&mut stream)?;
    Ok((stream, served))
}

fn exchange(stream: &mut TcpStream) -> Result<bool, String> {
    stream.set_read_timeout(Some(LIMIT)).map_err(text)?;
    // A client that is refused may hear so before.
    let _ = stream.write(b"x");
    match stream.read(&mut [0]) {
        Ok(n) => Ok(n == 1),
        Err(why) if why.kind() == ErrorKind::ConnectionReset => Ok(false),
        Err(why) => Err(format!("neither served nor refused: {why}")),
    }
}

/// `s6-tcpserverd` on this socket, with a program that gives back what it gets.
fn serve(images: &Images, on: &TcpListener, options: &[&str]) -> Result<Child, String> {
    let commands = images.distribution.join("command");
    let mut server = Command::new(commands.join("s6-tcpserverd"))
        .args(["-1", "-v0"])
        .args(options)
        .arg(commands.join("s6-cat"))
        .stdin(OwnedFd::from(on.try_clone().map_err(text)?))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(text)?;
    let mut line = String::new();
    let output = server.stdout.take().ok_or("no standard output")?;
    BufReader::new(output).read_line(&mut line).map_err(text)?;
    let port = on.local_addr().map_err(text)?.port();
    if line == format!("{port}\n") { Ok(server) } else { Err(format!("port {port}, but told {line:?}")) }
}

fn end(mut server: Child, signal: Signal) -> Outcome {
    let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw).ok_or("no process id")?;
    kill_process(pid, signal).map_err(text)?;
    same(server.wait().map_err(text)?.code(), Some(0), "the server's code")
}

fn crowd(images: &Images) -> Outcome {
    crate::servers::room_for_clients()?;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let to = listener.local_addr().map_err(text)?;
    let server = serve(images, &listener, &["-c", "700", "-C", "60"])?;
    let mut served = Vec::new();
    let mut refused = 0;
    for number in 0..1000_u32 {
        let from = SocketAddr::from(([127, 0, 0, 10 + u8::try_from(number % 10).unwrap_or(0)], 0));
        match client(from, to)? {
            (stream, true) => served.push(stream),
            _ => refused += 1,
        }
    }
    same((served.len(), refused), (600, 400), "served and refused")?;
    // A place that becomes free is used again.
    drop(served.pop());
    let mut again = false;
    while !again {
        again = client(SocketAddr::from(([127, 0, 0, 19], 0)), to)?.1;
    }
    end(server, Signal::ABORT)
}

fn reload(images: &Images) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let to = listener.local_addr().map_err(text)?;
    let old = serve(images, &listener, &["-c", "1"])?;
    let (mut first, served) = client(SocketAddr::from(([127, 0, 0, 1], 0)), to)?;
    same(served, true, "the first client")?;
    // Connected by the kernel; the old server has no room for it.
    let mut second = TcpStream::connect(to).map_err(text)?;
    end(old, Signal::TERM)?;
    same(exchange(&mut first)?, true, "the first client, whose program goes on")?;
    let new = serve(images, &listener, &["-c", "1"])?;
    same(exchange(&mut second)?, true, "the second client, with the new server")?;
    end(new, Signal::QUIT)
}
