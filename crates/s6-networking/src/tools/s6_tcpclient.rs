//! `s6-tcpclient`: connects to a TCP port, then runs a program with the connection as descriptors 6 and 7.

use crate::ident::{Answer, ask};
use crate::socket::{connect_until, local_address, remote_address, socket_for};
use crate::{address, peers};
use rustix::io::Errno;
use rustix::net::{SocketFlags, SocketType, bind, sockopt};
use s6_dns::families::Families;
use s6_dns::resolver::Resolver;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use tool::clock::{self, Moment};
use tool::{Call, Env, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-tcpclient",
    summary: "run a program on a connection to a TCP port",
    operands: "host port prog...",
    options: &[
        Opt::flag('q', "be quiet"),
        Opt::flag('Q', "be normally verbose (default)"),
        Opt::flag('v', "be verbose"),
        Opt::flag('4', "only IPv4"),
        Opt::flag('6', "only IPv6"),
        Opt::flag('d', "let the kernel collect small writes (default)"),
        Opt::flag('D', "send each write at once (TCP_NODELAY)"),
        Opt::flag('r', "ask the server's host for the user, by IDENT"),
        Opt::flag('R', "don't use IDENT (default)"),
        Opt::flag('h', "search /etc/hosts before the DNS"),
        Opt::flag('H', "no look-ups: host is an address, and no names are set"),
        Opt::flag('n', "try the suffixes of resolv.conf"),
        Opt::flag('N', "don't try suffixes (default)"),
        Opt::value('t', "timeout", "fail if there is no connection after this many seconds"),
        Opt::value('l', "localname", "the value of TCPLOCALHOST"),
        Opt::value('T', "x+y", "give each address x seconds first, then y; default 2+58"),
        Opt::value('i', "localip", "the local address"),
        Opt::value('p', "localport", "the local port"),
    ],
    role: Role::Chain,
    main,
};

/// The descriptors of the connection in the next program: reading and writing.
const DESCRIPTORS: (RawFd, RawFd) = (6, 7);

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = match options.last_of("qQv") {
        Some('q') => 0,
        Some('v') => 2,
        _ => 1,
    };
    let time_limits = time_limits(options.get('T'))?;
    let local = local(&options)?;
    let deadline = options.number('t')?.and_then(|s: u32| clock::deadline(Some(s.saturating_mul(1000))));
    let (host, port) = (call.shift()?, call.shift()?);
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let port = address::port(&port)
        .ok_or_else(|| Fatal::user(format_args!("invalid port: {}", diag::show(&port))))?;
    let resolver = match options.has('H') {
        true => None,
        false => Some(Resolver::new(&call.env, options.has('h'), &|text| call.warn(text))?),
    };
    let mut ips = addresses(&host, &options, resolver.as_ref(), deadline)?;
    if let Some(local) = local.0 {
        ips.retain(|ip| ip.is_ipv4() == local.is_ipv4());
    }
    if ips.is_empty() {
        return Err(Fatal::user(format_args!("{} has no suitable address", diag::show(&host))));
    }
    let attempts = attempts(&ips, time_limits);
    let socket = connect_to_any(call, &attempts, port, local, deadline, verbosity).ok_or_else(|| {
        Fatal::new(111, format_args!("unable to connect to {} port {port}", diag::show(&host)))
    })?;
    sys::fd::set_blocking(socket.as_raw_fd(), true).or_unable(|| "put the socket into blocking mode")?;
    if options.last_of("dD") == Some('D') {
        sockopt::set_tcp_nodelay(&socket, true).or_unable(|| "set TCP_NODELAY")?;
    }
    let connection = Connection {
        local: local_address(&socket).or_unable(|| "look up the local address")?,
        remote: remote_address(&socket).or_unable(|| "look up the remote address")?,
        deadline,
        verbosity,
    };
    let env = connection.environment(call, &options, resolver.as_ref());
    let (read, write) = DESCRIPTORS;
    sys::fd::place(socket, read)
        .and_then(|()| sys::fd::copy(read, write))
        .or_unable(|| format!("place the connection at descriptors {read} and {write}"))?;
    Next::run(call.take_args(), env)
}

/// Connects to the first address that accepts.
fn connect_to_any(
    call: &Call,
    attempts: &[(IpAddr, u32, bool)],
    port: u16,
    local: (Option<IpAddr>, u16),
    deadline: Option<Moment>,
    verbosity: u32,
) -> Option<OwnedFd> {
    for (ip, seconds, is_last) in attempts {
        let limit = clock::deadline(Some(seconds.saturating_mul(1000))).unwrap_or_else(clock::now);
        let until = deadline.map_or(limit, |d| d.min(limit));
        match connect(SocketAddr::new(*ip, port), local, until) {
            Ok(socket) => return Some(socket),
            Err(e) if *is_last && verbosity >= 1 => {
                let (ip, reason) = (wire::ip::text(*ip), sys::strerror(e));
                call.warn(format_args!("unable to connect to {ip} port {port}: {reason}"));
            }
            Err(_) => {}
        }
    }
    None
}

/// An established connection, and how its variables are looked up.
struct Connection {
    local: SocketAddr,
    remote: SocketAddr,
    deadline: Option<Moment>,
    verbosity: u32,
}

impl Connection {
    /// The call's environment with the variables of the connection.
    fn environment(&self, call: &mut Call, options: &Options, resolver: Option<&Resolver>) -> Env {
        let (local, remote) = (self.local, self.remote);
        if self.verbosity >= 2 {
            call.info(format_args!("connected to {} port {}", wire::ip::text(remote.ip()), remote.port()));
        }
        let mut env = call.take_env();
        env.set(b"PROTO", b"TCP");
        for (side, address) in [("REMOTE", remote), ("LOCAL", local)] {
            env.set(format!("TCP{side}IP").as_bytes(), wire::ip::text(address.ip()).as_bytes());
            env.set(format!("TCP{side}PORT").as_bytes(), address.port().to_string().as_bytes());
        }
        let given = options.get('l').map(<[u8]>::to_vec);
        let wanted = [given.is_none().then_some(local.ip()), Some(remote.ip())];
        let [local_name, remote_name] = match resolver {
            Some(resolver) => self.names(call, resolver, wanted),
            None => [None, None],
        };
        let info = (options.last_of("rR") == Some('r')).then(|| self.ident(call));
        for (name, value) in [
            (&b"TCPLOCALHOST"[..], given.or(local_name)),
            (b"TCPREMOTEHOST", remote_name),
            (b"TCPREMOTEINFO", info),
        ] {
            match value {
                Some(value) => env.set(name, &value),
                None => env.unset(name),
            }
        }
        env
    }

    fn names(&self, call: &Call, resolver: &Resolver, wanted: [Option<IpAddr>; 2]) -> [Option<Vec<u8>>; 2] {
        peers::names(resolver, wanted, self.deadline).map(|name| match name {
            Err(failure) => {
                if self.verbosity >= 2 {
                    call.warn(format_args!("unable to look up a name: {}", failure.text()));
                }
                None
            }
            Ok(name) => name,
        })
    }

    /// The server's user, by IDENT; empty if there is no answer.
    fn ident(&self, call: &Call) -> Vec<u8> {
        let warning = match ask(self.remote, self.local, self.deadline) {
            Ok(Answer::User(name)) => return name,
            Ok(Answer::Refusal(refusal)) => format!("the IDENT server says: {refusal}"),
            Err(e) => format!("unable to ask the IDENT server: {}", sys::strerror(e)),
        };
        if self.verbosity >= 1 {
            call.warn(&warning);
        }
        Vec::new()
    }
}

/// The seconds for each address in the first and in the second round; 0 means no second round.
fn time_limits(word: Option<&[u8]>) -> Result<(u32, u32), Fatal> {
    let Some(word) = word else { return Ok((2, 58)) };
    let mut numbers = word.splitn(2, |b| *b == b'+').map(|w| number::decimal(w).ok_or_else(Fatal::usage));
    let first = numbers.next().unwrap_or_else(|| Err(Fatal::usage()))?;
    Ok((first, numbers.next().unwrap_or(Ok(0))?))
}

/// The local address and port, as far as they are given.
fn local(options: &Options) -> Result<(Option<IpAddr>, u16), Fatal> {
    let ip = options.get('i').map(|word| address::ip(word).ok_or_else(Fatal::usage)).transpose()?;
    Ok((ip, options.number('p')?.unwrap_or(0)))
}

/// The addresses of the host: its own text if that is addresses, the loopback addresses if it is empty or 0, else the
/// result of a look-up.
fn addresses(
    host: &[u8],
    options: &Options,
    resolver: Option<&Resolver>,
    deadline: Option<Moment>,
) -> Result<Vec<IpAddr>, Fatal> {
    let families = match options.last_of("46") {
        Some('4') => Families::V4,
        Some(_) => Families::V6,
        None => Families::BOTH,
    };
    let literal = match host {
        b"" | b"0" => Some(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]),
        _ => address::ips(host),
    };
    if let Some(mut ips) = literal {
        ips.retain(|ip| if ip.is_ipv4() { families.v4 } else { families.v6 });
        return Ok(ips);
    }
    let Some(resolver) = resolver else {
        return Err(Fatal::user(format_args!(
            "invalid IP address: {} (-H looks no name up)",
            diag::show(host)
        )));
    };
    let qualify = options.last_of("nN") == Some('n');
    let mut ips = resolver
        .addresses(host, families, qualify, deadline)
        .map_err(|failure| failure.fatal(&format!("resolve {}", diag::show(host))).with_code(111))?;
    ips.truncate(address::MAX_ADDRESSES);
    Ok(ips)
}

/// The attempts in order: address, seconds, and whether it is the last one for the address.
fn attempts(ips: &[IpAddr], (first, second): (u32, u32)) -> Vec<(IpAddr, u32, bool)> {
    if let [ip] = ips {
        return vec![(*ip, first.saturating_add(second), true)];
    }
    let round = |seconds, is_last| ips.iter().map(move |ip| (*ip, seconds, is_last));
    let mut attempts: Vec<_> = round(first, second == 0).collect();
    if second != 0 {
        attempts.extend(round(second, true));
    }
    attempts
}

fn connect(to: SocketAddr, (ip, port): (Option<IpAddr>, u16), until: Moment) -> Result<OwnedFd, Errno> {
    let socket = socket_for(to.ip(), SocketType::STREAM, SocketFlags::NONBLOCK)?;
    if ip.is_some() || port != 0 {
        let any =
            if to.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
        bind(&socket, &SocketAddr::new(ip.unwrap_or(any), port))?;
    }
    connect_until(&socket, to, Some(until))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_tried_in_two_rounds() {
        let plan = |ips: &str, time_limits| {
            let attempts = attempts(&address::ips(ips.as_bytes()).unwrap(), time_limits);
            attempts
                .iter()
                .map(|(ip, s, last)| format!("{ip}:{s}{}", if *last { "!" } else { "" }))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(plan("1.1.1.1", (2, 58)), "1.1.1.1:60!");
        assert_eq!(plan("1.1.1.1,::1", (2, 58)), "1.1.1.1:2 ::1:2 1.1.1.1:58! ::1:58!");
        assert_eq!(plan("1.1.1.1,::1", (2, 0)), "1.1.1.1:2! ::1:2!");
    }

    #[test]
    fn patience_is_one_or_two_numbers() {
        let of = |word: &str| time_limits(Some(word.as_bytes())).map_err(|e| e.code());
        assert_eq!(time_limits(None).unwrap(), (2, 58));
        assert_eq!(of("5"), Ok((5, 0)));
        assert_eq!(of("5+6"), Ok((5, 6)));
        for bad in ["", "x", "5+", "+6", "5+6+7", "-1"] {
            assert_eq!(of(bad), Err(100), "{bad}");
        }
    }

    #[test]
    fn hosts_that_need_no_look_up() {
        let found = |words: &[&str], host: &str| {
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            let options = Options::take(TOOL.options, &mut args).unwrap();
            let ips = addresses(host.as_bytes(), &options, None, None).map_err(|e| e.code())?;
            Ok(ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(found(&[], "0"), Ok("::1 127.0.0.1".into()));
        assert_eq!(found(&["-4"], ""), Ok("127.0.0.1".into()));
        assert_eq!(found(&["-6"], "1.2.3.4,::2"), Ok("::2".into()));
        assert_eq!(found(&["-6"], "1.2.3.4"), Ok(String::new()));
        assert_eq!(found(&[], "example.org"), Err(100));
    }
}
