//! Pure: who listens on TCP, as `/proc/net/tcp` and `/proc/net/tcp6` say.
//!
//! After a line of titles each line is a socket: its number and a colon, the local address and port, the remote ones, the state,
//! and further words; the tenth is the inode.  An address is in hexadecimal digits, words of 32 bits in the order of the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The state of a socket that listens.
const LISTEN: &[u8] = b"0A";

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Its inode.
    pub inode: u64,
}

impl Listener {
    /// Whether it takes connections to a port, at this address if one is given.
    #[must_use]
    pub fn takes(&self, address: Option<IpAddr>, port: u16) -> bool {
        let is_there = match (address, self.address) {
            (None, _) => true,
            // One for all IPv6 addresses is for IPv4, too, unless it says otherwise, which isn't told.
            (Some(_), IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => true,
            (Some(IpAddr::V4(_)), IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => true,
            (Some(address), IpAddr::V6(own)) => {
                address == self.address || own.to_ipv4_mapped().map(IpAddr::V4) == Some(address)
            }
            (Some(address), own) => address == own,
        };
        self.port == port && is_there
    }
}

/// The sockets of a file that listen.
pub fn parse(text: &[u8]) -> impl Iterator<Item = Listener> + '_ {
    text.split(|byte| *byte == b'\n').filter_map(line)
}

fn line(line: &[u8]) -> Option<Listener> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (local, _, state) = (words.nth(1)?, words.next()?, words.next()?);
    if state != LISTEN {
        return None;
    }
    let inode = wire::number::decimal(words.nth(5)?)?;
    let colon = local.iter().position(|byte| *byte == b':')?;
    let (address, port) = (local.get(..colon)?, local.get(colon.saturating_add(1)..)?);
    let address = match address.len() {
        8 => IpAddr::from(word(address)?),
        32 => {
            let mut bytes = [0; 16];
            for (part, digits) in bytes.chunks_mut(4).zip(address.chunks(8)) {
                part.copy_from_slice(&word(digits)?);
            }
            IpAddr::from(bytes)
        }
        _ => return None,
    };
    let port = u16::try_from(hexadecimal(port).filter(|_| port.len() == 4)?).ok()?;
    Some(Listener { address, port, inode })
}

/// The bytes of a word in memory.
fn word(digits: &[u8]) -> Option<[u8; 4]> {
    hexadecimal(digits).map(u32::to_ne_bytes)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 29341 1 0000000000000000 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234567 1 0000000000000000 100 0 0 10 0
   2: 0100007F:0050 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 99 1 0000000000000000 20 4 30 10 -1
";
    const SIX: &str = "  sl  local_address                         remote_address
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0 100
   1: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 78 1 0 100
   2: 0000000000000000FFFF00000100007F:1539 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 79 1 0 100
";

    /// The kernel's text on this machine: the order of bytes in a word is the machine's.
    fn native(text: &str) -> String {
        if cfg!(target_endian = "little") {
            return text.to_owned();
        }
        text.replace("0100007F", "7F000001").replace("01000000:", "00000001:").replace("FFFF0000", "0000FFFF")
    }

    fn found(text: &str) -> Vec<Listener> {
        parse(native(text).as_bytes()).collect()
    }

    #[test]
    fn only_sockets_that_listen_are_found() {
        let shown = |all: Vec<Listener>| {
            all.iter().map(|one| format!("{} {} {}", one.address, one.port, one.inode)).collect::<Vec<_>>()
        };
        assert_eq!(shown(found(FOUR)), ["127.0.0.1 8080 29341", "0.0.0.0 80 1234567"]);
        assert_eq!(shown(found(SIX)), [":: 22 77", "::1 5432 78", "::ffff:127.0.0.1 5433 79"]);
    }

    #[test]
    fn what_is_malformed_is_passed_over() {
        for text in
            ["", "\n\n", "0: 0100007F:1F90", "0: 0100007:1F90 0 0A 0 0 0 0 0 1", "0: x:y z 0A 0 0 0 0 0 1"]
        {
            assert_eq!(found(text), [], "{text}");
        }
        let line = native(FOUR).lines().nth(1).unwrap().to_owned();
        for (old, new) in [("1F90", "+F90"), ("1F90", "1F9"), ("29341", "-1"), ("0A", "0a ")] {
            assert_eq!(found(&line.replacen(old, new, 1)), [], "{new}");
        }
    }

    #[test]
    fn an_address_is_taken_by_its_own_socket_or_by_one_for_all() {
        let all: Vec<Listener> = [found(FOUR), found(SIX)].concat();
        let ip = |text: &str| Some(text.parse().unwrap());
        let takes = |address, port| all.iter().any(|one| one.takes(address, port));
        assert!(takes(None, 8080) && takes(ip("127.0.0.1"), 8080) && !takes(ip("10.0.0.1"), 8080));
        assert!(takes(ip("10.0.0.1"), 80) && !takes(ip("::1"), 80));
        assert!(takes(ip("10.0.0.1"), 22) && takes(ip("::1"), 22));
        assert!(takes(ip("::1"), 5432) && !takes(ip("::2"), 5432) && takes(ip("127.0.0.1"), 5433));
        assert!(!takes(None, 81));
    }
}
