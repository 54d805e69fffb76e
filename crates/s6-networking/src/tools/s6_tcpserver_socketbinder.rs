//! `s6-tcpserver-socketbinder`: runs a program whose standard input is a bound Internet socket.

use crate::address;
use crate::socket::socket_for;
use ipc::server_options::{BACKLOG_OR_NONE, DEFAULT_BACKLOG, REUSE_ADDRESS, REUSE_NO_ADDRESS};
use rustix::net::{SocketFlags, SocketType, bind, listen, sockopt};
use std::net::SocketAddr;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tcpserver-socketbinder",
    summary: "run a program on a bound Internet socket",
    operands: "ip port prog...",
    options: &[
        REUSE_ADDRESS.long("reuse-address"),
        REUSE_NO_ADDRESS.long("no-reuse-address"),
        BACKLOG_OR_NONE.long("backlog"),
        Opt::flag('M', "make a TCP socket (default)").long("tcp"),
        Opt::flag('m', "make a UDP socket; it needs -b 0").long("udp"),
        Opt::flag('B', "leave the socket in blocking mode").long("block"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let backlog = options.number::<u32>('b')?.unwrap_or(DEFAULT_BACKLOG);
    let (ip, port) = (call.shift()?, call.shift()?);
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let ip = address::ip(&ip).ok_or_else(Fatal::usage)?;
    let address = SocketAddr::new(ip, address::port(&port).ok_or_else(Fatal::usage)?);
    let kind = if options.last_of("mM") == Some('m') { SocketType::DGRAM } else { SocketType::STREAM };
    let mut flags = SocketFlags::empty();
    flags.set(SocketFlags::NONBLOCK, !options.has('B'));
    let socket = socket_for(ip, kind, flags).or_unable(|| "make a socket")?;
    if options.last_of("dD") != Some('D') {
        sockopt::set_socket_reuseaddr(&socket, true).or_unable(|| "set up the socket")?;
    }
    bind(&socket, &address).or_unable(|| format!("bind to {address}"))?;
    if backlog > 0 {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        listen(&socket, backlog).or_unable(|| format!("listen on {address}"))?;
    }
    sys::fd::place(socket, 0).or_unable(|| "move the socket to standard input")?;
    let env = call.take_env();
    Next::run(call.take_args(), env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_backlog_is_the_kernel_s() {
        assert_eq!(DEFAULT_BACKLOG, 4096);
    }
}
