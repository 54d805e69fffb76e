//! `s6-taiclockd`: serves the time to TAICLOCK clients.

use crate::{address, socket, taiclock};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recvfrom, sendto, socket_with,
    sockopt,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use tool::clock::wall;
use tool::{Call, Fatal, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-taiclockd",
    summary: "serve the time to TAICLOCK clients",
    operands: "",
    options: &[
        Opt::value('i', "ip", "listen on this address; default: all"),
        Opt::value('p', "port", "listen on this UDP port; default 4014"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let ip = options.get('i').map(|word| address::ip(word).ok_or_else(Fatal::usage)).transpose()?;
    let port = options.number('p')?.unwrap_or(taiclock::PORT);
    let socket = match ip {
        Some(ip) => listen(ip, port),
        None => listen_everywhere(port),
    };
    let socket = socket.or_unable(|| format!("listen on UDP port {port}"))?;
    loop {
        if let Err(e) = serve(&socket) {
            call.warn(format_args!("unable to answer: {}", sys::strerror(e)));
        }
    }
}

fn listen(ip: IpAddr, port: u16) -> Result<OwnedFd, Errno> {
    let socket = socket::socket_for(ip, SocketType::DGRAM, SocketFlags::empty())?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::new(ip, port))?;
    Ok(socket)
}

/// Listens on all addresses: of both families, if the machine has both.
fn listen_everywhere(port: u16) -> Result<OwnedFd, Errno> {
    let both = || {
        let socket = socket_with(AddressFamily::INET6, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_ipv6_v6only(&socket, false)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port))?;
        Ok(socket)
    };
    match both() {
        Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => listen(Ipv4Addr::UNSPECIFIED.into(), port),
        done => done,
    }
}

/// Answers one query.
fn serve(socket: &OwnedFd) -> Result<(), Errno> {
    let mut packet = [0; taiclock::MAX_LENGTH];
    let (length, from) = match recvfrom(socket, &mut packet, RecvFlags::empty()) {
        // An ICMP error in response to an earlier answer, such as that the client has gone.
        Err(Errno::CONNREFUSED | Errno::INTR) => return Ok(()),
        Err(e) => {
            // Wait for input, so that a persistent error doesn't repeat at once.
            socket::wait(socket, PollFlags::IN, None)?;
            return Err(e);
        }
        Ok((_, length, from)) => (length, from),
    };
    let packet = packet.get_mut(..length).unwrap_or_default();
    if let Some(from) = from
        && taiclock::reply(packet, wall())
    {
        sendto(socket, packet, SendFlags::NOSIGNAL, &from)?;
    }
    Ok(())
}
