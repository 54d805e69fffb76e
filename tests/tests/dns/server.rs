//! A DNS server on port 53 of a loopback address: a function of what it is asked, by UDP and by TCP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::Failed;
use simple_dns::{Packet, PacketFlag, QTYPE};

/// A question that came in.
#[derive(Debug, Clone)]
pub struct Asked {
    pub id: u16,
    /// In lower case, without a final dot.
    pub name: String,
    /// As `A`.
    pub rtype: String,
    pub by_tcp: bool,
    pub is_recursive: bool,
    /// The size of datagrams that it promises.
    pub promises: Option<u16>,
    pub from: SocketAddr,
    /// The whole message.
    pub message: Vec<u8>,
}

impl Asked {
    /// A question that came in from there; `None` if it is none.
    pub fn read(message: &[u8], from: SocketAddr, by_tcp: bool) -> Option<Self> {
        let packet = Packet::parse(message).ok()?;
        let question = packet.questions.first()?;
        Some(Self {
            id: packet.id(),
            name: question.qname.to_string().to_lowercase(),
            rtype: match question.qtype {
                QTYPE::TYPE(rtype) => format!("{rtype:?}"),
                other => format!("{other:?}"),
            },
            by_tcp,
            is_recursive: packet.has_flags(PacketFlag::RECURSION_DESIRED),
            promises: packet.opt().map(|opt| opt.udp_packet_size),
            from,
            message: message.to_vec(),
        })
    }

    /// `NAME/TYPE`, and `/tcp`.
    pub fn what(&self) -> String {
        format!("{}/{}{}", self.name, self.rtype, if self.by_tcp { "/tcp" } else { "" })
    }
}

/// A server, until the test program ends.
pub struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Listens at that address; `answer` gives the messages that are sent back.
    pub fn start(
        address: [u8; 4],
        answer: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Result<Self, Failed> {
        let address = (Ipv4Addr::from(address), 53);
        let (udp, tcp) = (UdpSocket::bind(address)?, TcpListener::bind(address)?);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let (noted, answered) = (Arc::clone(&asked), Arc::clone(&answer));
        spawn(move || serve_datagrams(&udp, &noted, &*answered));
        let noted = Arc::clone(&asked);
        spawn(move || {
            for stream in tcp.incoming().flatten() {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                // A client that goes away is no failure of the server.
                spawn(move || drop(serve_stream(stream, &noted, &*answer)));
            }
        });
        Ok(Self { asked })
    }

    /// What it was asked since the last time.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A thread, which stays in the network of the one that starts it.
#[expect(clippy::disallowed_methods, reason = "tests may have threads")]
pub fn spawn(run: impl FnOnce() + Send + 'static) {
    std::thread::spawn(run);
}

fn note(asked: &Asked, list: &Mutex<Vec<Asked>>) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
}

fn serve_datagrams(socket: &UdpSocket, list: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Vec<Vec<u8>>) {
    let mut buf = [0; 65_535];
    while let Ok((length, from)) = socket.recv_from(&mut buf) {
        if let Some(asked) = Asked::read(&buf[..length], from, false) {
            note(&asked, list);
            for message in answer(&asked) {
                let _ = socket.send_to(&message, from);
            }
        }
    }
}

fn serve_stream(
    mut stream: TcpStream,
    list: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(&Asked) -> Vec<Vec<u8>>,
) -> std::io::Result<()> {
    let from = stream.peer_addr()?;
    stream.set_nodelay(true)?;
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut message)?;
        let Some(asked) = Asked::read(&message, from, true) else { break };
        note(&asked, list);
        for message in answer(&asked) {
            let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
            // In pieces, as a network may deliver it.
            let all = [&length.to_be_bytes()[..], &message].concat();
            for piece in all.chunks(all.len() / 3 + 1) {
                stream.write_all(piece)?;
            }
        }
    }
    Ok(())
}
