//! `s6-tcpclient`: connects to a TCP port, then runs a program with the connection as descriptors 6 and 7.

use crate::ident::{Answer, ask};
use crate::socket::{connect_until, local_address, remote_address, socket_for};
use crate::{address, peers};
use rustix::io::Errno;
use rustix::net::{SocketFlags, SocketType, bind, sockopt};
use s6_dns::families::Families;
use s6_dns::resolver::Resolver;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool, diag};
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
        Opt::flag('d', "let the system collect small writes (default)"),
        Opt::flag('D', "send each write at once (TCP_NODELAY)"),
        Opt::flag('r', "ask the server who it is by IDENT"),
        Opt::flag('R', "don't (default)"),
        Opt::flag('h', "look into /etc/hosts before the DNS"),
        Opt::flag('H', "look nothing up: host is an address, and no names are set"),
        Opt::flag('n', "try the suffixes of resolv.conf"),
        Opt::flag('N', "don't (default)"),
        Opt::value('t', "timeout", "fail if there is no connection after so many seconds"),
        Opt::value('l', "localname", "the value of TCPLOCALHOST"),
        Opt::value('T', "x+y", "give each address x seconds first, then y; default 2+58"),
        Opt::value('i', "localip", "the local address"),
        Opt::value('p', "localport", "the local port"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = match options.last_of("qQv") {
        Some('q') => 0,
        Some('v') => 2,
        _ => 1,
    };
    let patience = patience(options.get('T'))?;
    let local = local(&options)?;
    let deadline = options.number('t')?.and_then(|s: u32| clock::deadline(Some(s.saturating_mul(1000))));
    let (host, port) = (call.shift()?, call.shift()?);
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let port =
        address::port(&port).ok_or_else(|| Fatal::user(format!("invalid port: {}", diag::show(&port))))?;
    let resolver = match options.has('H') {
        true => None,
        false => Some(Resolver::new(&call.env, options.has('h'))?),
    };
    let mut ips = addresses(&host, &options, resolver.as_ref(), deadline)?;
    if let Some(local) = local.0 {
        ips.retain(|ip| ip.is_ipv4() == local.is_ipv4());
    }
    if ips.is_empty() {
        return Err(Fatal::user(format!("{} has no suitable address", diag::show(&host))));
    }
    let mut connected = None;
    for (ip, seconds, is_last) in tries(&ips, patience) {
        let patience = clock::deadline(Some(seconds.saturating_mul(1000))).unwrap_or_else(clock::now);
        let until = deadline.map_or(patience, |d| d.min(patience));
        match connect(SocketAddr::new(ip, port), local, until) {
            Ok(socket) => {
                connected = Some(socket);
                break;
            }
            Err(e) if is_last && verbosity >= 1 => {
                call.warn(&format!(
                    "unable to connect to {} port {port}: {}",
                    wire::ip::text(ip),
                    sys::strerror(e)
                ));
            }
            Err(_) => {}
        }
    }
    let socket = connected
        .ok_or_else(|| Fatal::new(111, format!("unable to connect to {} port {port}", diag::show(&host))))?;
    sys::fd::set_blocking(socket.as_raw_fd(), true).or_unable(|| "put the socket into blocking mode")?;
    if options.last_of("dD") == Some('D') {
        sockopt::set_tcp_nodelay(&socket, true).or_unable(|| "set TCP_NODELAY")?;
    }
    let local = local_address(&socket).or_unable(|| "look up the local address")?;
    let remote = remote_address(&socket).or_unable(|| "look up the remote address")?;
    if verbosity >= 2 {
        call.info(&format!("connected to {} port {}", wire::ip::text(remote.ip()), remote.port()));
    }
    let mut env = call.take_env();
    env.set(b"PROTO", b"TCP");
    for (side, address) in [("REMOTE", remote), ("LOCAL", local)] {
        env.set(format!("TCP{side}IP").as_bytes(), wire::ip::text(address.ip()).as_bytes());
        env.set(format!("TCP{side}PORT").as_bytes(), address.port().to_string().as_bytes());
    }
    let given = options.get('l').map(<[u8]>::to_vec);
    let wanted = [given.is_none().then_some(local.ip()), Some(remote.ip())];
    let [local_name, remote_name] = match &resolver {
        Some(resolver) => peers::names(resolver, wanted, deadline).map(|name| match name {
            Err(failure) => {
                if verbosity >= 2 {
                    call.warn(&format!("unable to look up a name: {}", failure.text()));
                }
                None
            }
            Ok(name) => name,
        }),
        None => [None, None],
    };
    let info = if options.last_of("rR") == Some('r') {
        // Empty if there is nothing to tell.
        Some(match ask(remote, local, deadline) {
            Ok(Answer::User(name)) => name,
            other => {
                if verbosity >= 1 {
                    call.warn(&match other {
                        Ok(Answer::Refusal(refusal)) => format!("the IDENT server says: {refusal}"),
                        Err(e) => format!("unable to ask the IDENT server: {}", sys::strerror(e)),
                        Ok(Answer::User(_)) => String::new(),
                    });
                }
                Vec::new()
            }
        })
    } else {
        None
    };
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
    sys::fd::place(socket, 6)
        .and_then(|()| sys::fd::copy(6, 7))
        .or_unable(|| "place the connection at descriptors 6 and 7")?;
    Next::run(call.take_args(), env)
}

/// The seconds for each address in the first round and in the second one, which there is none of if that is 0.
fn patience(word: Option<&[u8]>) -> Result<(u32, u32), Fatal> {
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

/// The addresses of the host: itself if it is addresses, the machine's own for nothing or 0, else what a look-up gives.
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
        return Err(Fatal::user(format!("invalid IP address: {} (-H looks no name up)", diag::show(host))));
    };
    let qualify = options.last_of("nN") == Some('n');
    let mut ips = resolver
        .addresses(host, families, qualify, deadline)
        .map_err(|failure| failure.fatal(&format!("resolve {}", diag::show(host))).with_code(111))?;
    ips.truncate(address::MOST);
    Ok(ips)
}

/// What is tried in which order: address, seconds, and whether it is this address's last chance.
fn tries(ips: &[IpAddr], (first, second): (u32, u32)) -> Vec<(IpAddr, u32, bool)> {
    if let [ip] = ips {
        return vec![(*ip, first.saturating_add(second), true)];
    }
    let round = |seconds, is_last| ips.iter().map(move |ip| (*ip, seconds, is_last));
    let mut tries: Vec<_> = round(first, second == 0).collect();
    if second != 0 {
        tries.extend(round(second, true));
    }
    tries
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
    fn two_rounds() {
        let plan = |ips: &str, patience| {
            let tries = tries(&address::ips(ips.as_bytes()).unwrap(), patience);
            tries
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
        let of = |word: &str| patience(Some(word.as_bytes())).map_err(|e| e.code());
        assert_eq!(patience(None).unwrap(), (2, 58));
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
