//! `s6-getservbyname`: prints the port of a service, from /etc/services.

use crate::address;
use tool::{Call, Fatal, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-getservbyname",
    summary: "print the port of a service",
    operands: "name proto",
    options: &[],
    role: Role::Chain,
    main,
};

/// The services database: services(5).
const SERVICES: &str = "/etc/services";

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let (name, protocol) = (call.shift()?, call.shift()?);
    // A number is a port already; an unreadable database counts as empty.
    let port = address::port(&name)
        .or_else(|| std::fs::read(SERVICES).ok().and_then(|services| find(&services, &name, &protocol)))
        .ok_or_else(|| Fatal::silent(1))?;
    let mut out = Out::new();
    out.line(port.to_string().as_bytes())?;
    out.finish()
}

/// The port of the first entry with this name or alias, and this protocol.
fn find(services: &[u8], name: &[u8], protocol: &[u8]) -> Option<u16> {
    services.split(|b| *b == b'\n').find_map(|line| {
        let entry = line.split(|b| *b == b'#').next().unwrap_or_default();
        let mut words = entry.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        let (service, port) = (words.next()?, words.next()?);
        let slash = port.iter().position(|b| *b == b'/')?;
        let matches = service == name || words.any(|alias| alias == name);
        let matches = matches && port.get(slash + 1..)? == protocol;
        address::port(port.get(..slash)?).filter(|_| matches)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries() {
        let services = b"# x 1/tcp\nsmtp\t25/tcp mail\ndomain 53/tcp\ndomain 53/udp # dns 1/udp\nbad\nworse 70000/tcp\nhttp 80/tcp www#http2";
        let port = |name: &str, protocol: &str| find(services, name.as_bytes(), protocol.as_bytes());
        assert_eq!(port("smtp", "tcp"), Some(25));
        assert_eq!(port("mail", "tcp"), Some(25));
        assert_eq!(port("domain", "udp"), Some(53));
        assert_eq!(port("www", "tcp"), Some(80));
        for (name, protocol) in [
            ("smtp", "udp"),
            ("dns", "udp"),
            ("bad", "tcp"),
            ("worse", "tcp"),
            ("http2", "tcp"),
            ("x", "tcp"),
            ("", "tcp"),
        ] {
            assert_eq!(port(name, protocol), None, "{name}");
        }
    }
}
