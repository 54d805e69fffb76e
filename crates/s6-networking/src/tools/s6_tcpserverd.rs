//! `s6-tcpserverd`: accepts connections on its standard input and runs a program for each of them.

use crate::socket::local_address;
use ipc::server_options::{CONNECTIONS, CONNECTIONS_OF_ADDRESS, DEFAULT_CONNECTIONS, NOTIFY_PORT, VERBOSITY};
use ipc::super_server::{self, Protocol, Settings};
use rustix::io::Errno;
use rustix::net::SocketAddrAny;
use rustix::stdio::stdin;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use tool::{Call, Env, Fatal, Options, OrUnable, Outcome, Role, Tool};
use wire::ip;

pub static TOOL: Tool = Tool {
    name: "s6-tcpserverd",
    summary: "run a program for each connection to a listening TCP socket",
    operands: "prog...",
    options: &[NOTIFY_PORT, VERBOSITY, CONNECTIONS, CONNECTIONS_OF_ADDRESS],
    role: Role::Stay,
    main,
};

/// The limit of `-c`.
const CONNECTION_LIMIT: usize = 16_384;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = options.number('v')?.unwrap_or(1);
    let (limit, origin_limit) = limits(&options)?;
    let argv = call.take_args();
    if argv.is_empty() {
        return Err(Fatal::usage());
    }
    let local = match local_address(stdin()) {
        Err(Errno::NOTSOCK) => return Err(Fatal::user("standard input is no socket")),
        Err(Errno::AFNOSUPPORT) => return Err(Fatal::user("standard input is no Internet socket")),
        done => done.or_unable(|| "look up the address of standard input")?,
    };
    if verbosity >= 2 {
        call.info(format_args!("bound to ip {} port {}", ip::text(local.ip()), local.port()));
    }
    let notification = options.has('1').then(|| format!("{}\n", local.port()).into_bytes());
    super_server::serve(call, Tcp { local }, Settings { argv, verbosity, limit, origin_limit, notification })
}

/// The limits of connections at once: all, and from one address.
fn limits(options: &Options) -> Result<(usize, usize), Fatal> {
    let all = options.number('c')?.unwrap_or(DEFAULT_CONNECTIONS).clamp(1, CONNECTION_LIMIT);
    Ok((all, options.number('C')?.unwrap_or(DEFAULT_CONNECTIONS).min(all)))
}

/// Clients of a TCP socket, counted by address.
struct Tcp {
    local: SocketAddr,
}

struct Client(SocketAddr);

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ip {} port {}", ip::text(self.0.ip()), self.0.port())
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Address(IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ip {}", ip::text(self.0))
    }
}

impl Protocol for Tcp {
    type Client = Client;
    type Origin = Address;

    fn client(&self, _: &OwnedFd, from: Option<SocketAddrAny>) -> Result<Client, (String, Errno)> {
        let from = from.ok_or(Errno::NOTCONN).and_then(SocketAddr::try_from);
        from.map(Client).map_err(|e| (String::from("look up the client's address"), e))
    }

    fn origin(&self, client: &Client) -> Address {
        Address(client.0.ip())
    }

    fn describe(&self, client: &Client, number: usize, env: &mut Env) {
        env.set(b"PROTO", b"TCP");
        for (side, address) in [("LOCAL", self.local), ("REMOTE", client.0)] {
            env.set(format!("TCP{side}IP").as_bytes(), ip::text(address.ip()).as_bytes());
            env.set(format!("TCP{side}PORT").as_bytes(), address.port().to_string().as_bytes());
        }
        env.set(b"TCPCONNNUM", number.to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_connections_at_once_and_at_most_16384() {
        let limits = |words: &str| {
            let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
            limits(&Options::take(TOOL.options, &mut args).unwrap()).map_err(|e| e.code())
        };
        assert_eq!(limits(""), Ok((40, 40)));
        assert_eq!(limits("-c 5"), Ok((5, 5)));
        assert_eq!(limits("-c 100 -C 7"), Ok((100, 7)));
        assert_eq!(limits("-c 0"), Ok((1, 1)));
        assert_eq!(limits("-c 20000 -C 20000"), Ok((16_384, 16_384)));
        assert_eq!(limits("-C x"), Err(100));
    }

    #[test]
    fn the_variables_of_a_connection() {
        let server = Tcp { local: "[::1]:80".parse().unwrap() };
        let mut env = Env::new();
        server.describe(&Client("10.0.0.1:5".parse().unwrap()), 3, &mut env);
        let vars: Vec<_> = env.vars().iter().map(|v| String::from_utf8_lossy(v)).collect();
        assert_eq!(
            vars.join(" "),
            "PROTO=TCP TCPLOCALIP=::1 TCPLOCALPORT=80 TCPREMOTEIP=10.0.0.1 TCPREMOTEPORT=5 TCPCONNNUM=3"
        );
    }
}
