//! `skadnsd` as its client library uses it: as a child with three descriptors, and over a socket.

use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

use command_fds::{CommandFdExt, FdMapping};
use libtest_mimic::Failed;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use simple_dns::{Packet, rdata::RData};

use crate::network::{Network, same, told};
use crate::server::Server;
use crate::{Outcome, Test};

pub const TESTS: &[(&str, Test)] = &[
    ("skadnsd::answers_a_parent", answers_a_parent),
    ("skadnsd::answers_over_a_socket", answers_over_a_socket),
    ("skadnsd::forgets_questions", forgets_questions),
    ("skadnsd::time_limits", time_limits),
    ("skadnsd::refuses_nonsense", refuses_nonsense),
];

/// A client with its daemon.
struct Client<I, O, A> {
    requests: I,
    replies: O,
    answers: A,
    child: Child,
}

fn receive(from: &mut impl Read) -> Result<Vec<u8>, Failed> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut message = vec![0; usize::try_from(u32::from_be_bytes(length))?];
    from.read_exact(&mut message)?;
    Ok(message)
}

fn send(to: &mut impl Write, message: &[u8]) -> Result<(), Failed> {
    let length = u32::try_from(message.len())?.to_be_bytes();
    Ok(to.write_all(&[&length, message].concat())?)
}

fn question(number: u16, rtype: u16, limit: [u8; 12], name: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes(), &b"Q"[..], &rtype.to_be_bytes(), &limit, name].concat()
}

impl<I: Write, O: Read, A: Read> Client<I, O, A> {
    /// Sends a request, gives the acknowledgement.
    fn request(&mut self, message: &[u8]) -> Result<Vec<u8>, Failed> {
        send(&mut self.requests, message)?;
        receive(&mut self.replies)
    }

    fn ask(&mut self, number: u16, rtype: u16, name: &[u8]) -> Outcome {
        let acknowledged = self.request(&question(number, rtype, [0; 12], name))?;
        same(&format!("{acknowledged:?}"), "[0]")
    }

    /// The next answer: number, status, and the first address.
    fn answer(&mut self) -> Result<(u16, u8, String), Failed> {
        let message = receive(&mut self.answers)?;
        let number = u16::from_be_bytes([message[0], message[1]]);
        let address = Packet::parse(&message[3..]).ok().and_then(|packet| {
            packet.answers.iter().find_map(|record| match &record.rdata {
                RData::A(a) => Some(std::net::Ipv4Addr::from(a.address).to_string()),
                _ => None,
            })
        });
        Ok((number, message[2], address.unwrap_or_default()))
    }

    /// Hangs up; the daemon ends without complaint.
    fn end(mut self) -> Outcome {
        drop(self.requests);
        same(&self.child.wait()?.to_string(), "exit status: 0")
    }
}

fn child(network: &Network) -> Result<Client<impl Write, impl Read, impl Read>, Failed> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = network.command("skadnsd");
    command.env("SKALIBS_CHILD_SPAWN_FDS", "7").stdin(Stdio::piped()).stdout(Stdio::piped());
    command.fd_mappings(vec![FdMapping { parent_fd: writer.into(), child_fd: 7 }])?;
    let mut child = command.spawn()?;
    drop(command);
    let requests = child.stdin.take().ok_or("no standard input")?;
    let replies = child.stdout.take().ok_or("no standard output")?;
    let mut client = Client { requests, replies, answers: reader, child };
    send(&mut client.requests, b"skadns v1.0 (b)\n")?;
    same(&String::from_utf8(receive(&mut client.answers)?)?, "skadns v1.0 (a)\n")?;
    same(&String::from_utf8(receive(&mut client.replies)?)?, "skadns v1.0 (a)\n")?;
    Ok(client)
}

fn answers_a_parent(network: &Network) -> Outcome {
    let mut client = child(network)?;
    client.ask(500, 1, b"\x05only4\x07example\0")?;
    same(&format!("{:?}", client.answer()?), r#"(500, 0, "10.0.0.4")"#)?;
    for number in 0..100 {
        client.ask(number, 1, b"\x01a\x07example\0")?;
    }
    let mut numbers = Vec::new();
    for _ in 0..100 {
        let (number, status, address) = client.answer()?;
        same(&format!("{status} {address}"), "0 10.0.0.1")?;
        numbers.push(number);
    }
    numbers.sort_unstable();
    same(&format!("{numbers:?}"), &format!("{:?}", (0..100).collect::<Vec<_>>()))?;
    // What doesn't exist is an answer, and the shortest names are names.
    client.ask(1, 1, b"\x01a\0")?;
    same(&format!("{:?}", client.answer()?), r#"(1, 0, "")"#)?;
    client.end()
}

fn answers_over_a_socket(network: &Network) -> Outcome {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = network.command("skadnsd");
    command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
    let child = command.spawn()?;
    drop(command);
    send(&mut ours, b"skadns v1.0 (b)\n")?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(&ours, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    same(&format!("{byte:?}"), "[124]")?;
    let channel = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    // The library polls; this test waits.
    let channel = channel.ok_or("no descriptor came")?;
    rustix::io::ioctl_fionbio(&channel, false)?;
    let mut answers = std::fs::File::from(channel);
    same(&String::from_utf8(receive(&mut answers)?)?, "skadns v1.0 (a)\n")?;
    same(&String::from_utf8(receive(&mut ours)?)?, "skadns v1.0 (a)\n")?;
    let replies = ours.try_clone()?;
    let mut client = Client { requests: ours, replies, answers, child };
    client.ask(1, 1, b"\x05only4\x07example\0")?;
    same(&format!("{:?}", client.answer()?), r#"(1, 0, "10.0.0.4")"#)?;
    client.requests.shutdown(std::net::Shutdown::Both)?;
    client.end()
}

fn forgets_questions(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    Server::start([127, 0, 0, 2], |asked| {
        if asked.name == "silent" { Vec::new() } else { crate::zone::answer(asked) }
    })?;
    let mut client = child(network)?;
    client.ask(3, 1, b"\x06silent\0")?;
    same(&format!("{:?}", client.request(b"\0\x03q")?), "[0]")?;
    // ENOENT: there is no such question any more.
    same(&format!("{:?}", client.request(b"\0\x03q")?), "[2]")?;
    client.ask(4, 1, b"\x05only4\x07example\0")?;
    same(&format!("{:?}", client.answer()?), r#"(4, 0, "10.0.0.4")"#)?;
    client.end()
}

fn time_limits(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.2\n")?;
    Server::start([127, 0, 0, 2], |_| Vec::new())?;
    let mut client = child(network)?;
    // 1970 is over: ETIMEDOUT.
    let past = [0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    same(&format!("{:?}", client.request(&question(9, 1, past, b"\x01a\0"))?), "[0]")?;
    same(&format!("{:?}", client.answer()?), r#"(9, 110, "")"#)?;
    client.end()
}

fn refuses_nonsense(network: &Network) -> Outcome {
    for bad in [&b"\0\x01x"[..], b"\0", &question(1, 1, [0; 12], b"\xc0\x0c"), &[b'Q'; 300]] {
        let mut client = child(network)?;
        send(&mut client.requests, bad)?;
        same(&client.child.wait()?.to_string(), "exit status: 100")?;
    }
    let fails = |input: &[u8]| {
        let mut command = network.command("skadnsd");
        command.env("SKALIBS_CHILD_SPAWN_FDS", "2").stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        child.stdin.take().ok_or("no standard input")?.write_all(input)?;
        Ok::<_, Failed>(told(&child.wait_with_output()?))
    };
    same(&fails(b"")?, "skadnsd: fatal: unable to meet the client: Broken pipe\n111\n")?;
    same(&fails(b"\0\0\0\x03xyz")?, "skadnsd: fatal: unable to meet the client: Protocol error\n111\n")?;
    network.etc("resolv.conf", "search example\n")?;
    let told = fails(b"")?;
    same(told.lines().last().unwrap_or_default(), "111")?;
    if told.contains("no nameserver") { Ok(()) } else { Err(told.into()) }
}
