//! Where the attendant answers over HTTP: the value of S6_HTTP.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use wire::number;

/// The longest path of a Unix socket, in bytes.
const PATH_MAX: usize = 107;

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A port at an address.
    At(SocketAddr),
    /// A port at all addresses.
    Everywhere(u16),
    /// A Unix socket with this absolute path.
    Unix(Vec<u8>),
}

/// The place that a value stands for: `127.0.0.1:9010`, `[::1]:9010`, `:9010`, or `unix:` and an absolute path; `None` if it
/// stands for none.
#[must_use]
pub fn parse(value: &[u8]) -> Option<Listen> {
    if let Some(path) = value.strip_prefix(b"unix:") {
        let is_path =
            path.starts_with(b"/") && !path.ends_with(b"/") && path.len() <= PATH_MAX && !path.contains(&0);
        return is_path.then(|| Listen::Unix(path.to_vec()));
    }
    let colon = value.iter().rposition(|b| *b == b':')?;
    let (host, port) = value.split_at_checked(colon)?;
    let port = number::decimal(port.get(1..)?).filter(|port| *port != 0)?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some(match host {
        b"" => Listen::Everywhere(port),
        [b'[', inner @ .., b']'] => {
            Listen::At(SocketAddr::new(IpAddr::V6(text(inner)?.parse::<Ipv6Addr>().ok()?), port))
        }
        _ => {
            let ip: IpAddr = text(host)?.parse().ok()?;
            Listen::At(SocketAddr::new(Some(ip).filter(IpAddr::is_ipv4)?, port))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_place_to_listen_at() {
        let at = |text: &str| Some(Listen::At(text.parse().unwrap()));
        let unix = |path: &str| Some(Listen::Unix(path.into()));
        let longest = format!("unix:/{}", "x".repeat(106));
        for (value, expected) in [
            ("127.0.0.1:9010", at("127.0.0.1:9010")),
            ("0.0.0.0:80", at("0.0.0.0:80")),
            ("[::1]:9010", at("[::1]:9010")),
            (":9010", Some(Listen::Everywhere(9010))),
            ("unix:/run/http.sock", unix("/run/http.sock")),
            (&longest, unix(&longest[5..])),
            (&format!("{longest}x"), None),
            ("unix:run/http.sock", None),
            ("unix:/run/", None),
            ("unix:", None),
            ("unix:/run/a\0b", None),
            ("9010", None),
            ("localhost:9010", None),
            ("127.0.0.1", None),
            ("127.0.0.1:", None),
            ("127.0.0.1:0", None),
            ("127.0.0.1:65536", None),
            ("127.0.0.1:-1", None),
            ("::1:9010", None),
            ("[127.0.0.1]:9010", None),
            ("[::1:9010", None),
            ("[::1]9010", None),
            ("http://127.0.0.1:9010", None),
            (":", None),
            ("", None),
            ("\u{e9}:1", None),
        ] {
            assert_eq!(parse(value.as_bytes()), expected, "{value}");
        }
    }
}
